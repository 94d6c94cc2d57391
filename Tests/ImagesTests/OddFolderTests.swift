import Foundation
import Testing

import Images

/// Folders that are unusual: very large, very unequal, or hardly to be told apart.
@Suite struct OddFolderTests {
    @Test(.timeLimit(.minutes(1))) func fortyThousandPicturesAreListedInSeconds() throws {
        let folder = try TemporaryFolder()
        try folder.write("a/0.ppm", ImageFolderTests.tiny)
        try folder.write("b/0.ppm", ImageFolderTests.tiny)
        for name in ["a", "b"] {
            for index in 1..<20_000 {
                // A hard link costs no block; a file system that has no more of them gets a new file.
                let path = "\(folder.path)/\(name)/\(index).ppm"
                if link("\(folder.path)/\(name)/0.ppm", path) != 0 {
                    try folder.write("\(name)/\(index).ppm", ImageFolderTests.tiny)
                }
            }
        }
        let opened = try ImageFolderTests.open(folder.path)
        #expect(opened.training.countsByClass == [16_000, 16_000])
        #expect(opened.validation.countsByClass == [4000, 4000])
    }

    @Test func veryUnequalClassesAndSinglePicturesAreSplitClassByClass() throws {
        let folder = try ImageFolderTests.twoClasses((2000, 1))
        let opened = try ImageFolderTests.open(folder.path)
        #expect(opened.training.countsByClass == [1600, 1] && opened.validation.countsByClass == [400, 0])
        let single = try ImageFolderTests.twoClasses((1, 1))
        let few = try ImageFolderTests.open(single.path)
        #expect(few.training.countsByClass == [1, 1] && few.validation.count == 0)
    }

    @Test func classNamesOfAnyScriptStayAsTheyAre() throws {
        let names = ["日本", "عربي", "ελληνικά", "हिन्दी", "emoji 🦊", "a b", "con:,\"x\"", "-rf", "#1", "~", "%s%n"]
        let folder = try TemporaryFolder()
        for name in names { try folder.write("\(name)/0.ppm", ImageFolderTests.tiny) }
        let opened = try ImageFolderTests.open(folder.path, split: 0)
        #expect(opened.classes == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    @Test func classesWhoseNamesLookAlikeAreRefused() throws {
        for (one, other) in [
            ([0xFF], [0xFE]), (Array("a\u{1B}".utf8), Array("a\u{7}".utf8)),
            (Array("\u{E9}".utf8), Array("e\u{301}".utf8)),
        ] as [([UInt8], [UInt8])] {
            for split in ["", "train/"] {
                let folder = try TemporaryFolder()
                try folder.makeFolder(split)
                try folder.write("val/c/1.ppm", ImageFolderTests.tiny)
                if split.isEmpty { try FileManager.default.removeItem(atPath: folder.path + "/val") }
                for name in [one, other] {
                    let path = Array("\(folder.path)/\(split)".utf8) + name
                    #expect(path.withCString { mkdir($0, 0o700) } == 0)
                }
                #expect(ImageFolderTests.message(folder.path).contains("look alike"))
            }
        }
    }
}
