import Foundation
import Testing

import Images

@Suite struct ImageFolderTests {
    static let tiny = ppm(Fixture.pattern(3, 2))

    static func open(_ path: String, split: Double = 0.2, seed: UInt64 = 0) throws -> ImageFolder {
        try ImageFolder.open(path, validationSplit: split, seed: seed, exif: .apply, progress: nil)
    }

    static func message(_ path: String, split: Double = 0.2) -> String {
        do {
            _ = try open(path, split: split)
            return "opened"
        } catch { return "\(error)" }
    }

    /// `a` and `b`, with so many images.
    static func twoClasses(_ counts: (Int, Int)) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for i in 0..<counts.0 { try folder.write("a/\(i).ppm", tiny) }
        for i in 0..<counts.1 { try folder.write("b/\(i).ppm", tiny) }
        return folder
    }

    @Test func classesAreFoldersSortedAsPythonSortsThem() throws {
        let folder = try TemporaryFolder()
        for name in ["b", "a", "Z", "ä", ".hidden"] { try folder.write(name + "/x.jpg", Self.tiny) }
        let opened = try Self.open(folder.path, split: 0)
        #expect(opened.classes == ["Z", "a", "b", "ä"])
        #expect(opened.training.count == 4 && opened.validation.count == 0)
        #expect((0..<4).map(opened.training.label) == [0, 1, 2, 3])
        #expect(try opened.training.image(0).pixels == Fixture.pattern(3, 2).pixels)
    }

    @Test func picturesAtAnyDepthComeInTorchvisionsOrder() throws {
        let folder = try TemporaryFolder()
        for name in ["b.JPG", "a.png", "sub/z.webp", "sub/deep/y.tiff", "Sub/x.jpeg", "a-sub/w.bmp"] {
            try folder.write("one/" + name, Self.tiny)
        }
        try folder.write("two/x.pgm", Self.tiny)
        let opened = try Self.open(folder.path, split: 0)
        let names = (0..<opened.training.count).map {
            String(opened.training.name($0).dropFirst(folder.path.count + 1))
        }
        #expect(
            names == [
                "one/a.png", "one/b.JPG", "one/Sub/x.jpeg", "one/a-sub/w.bmp", "one/sub/z.webp", "one/sub/deep/y.tiff",
                "two/x.pgm",
            ])
    }

    @Test func whatIsNoPictureIsIgnoredOrNamedWithACount() throws {
        let folder = try Self.twoClasses((2, 2))
        for name in ["Thumbs.db", ".DS_Store", "desktop.ini", "notes.txt", ".hidden.jpg"] {
            try folder.write("a/" + name, [1])
        }
        #expect(try Self.open(folder.path).warnings.isEmpty)
        for name in ["1.svg", "2.SVG", "x.psd", "y.PSD", "y.psd", "z.cr2", "old.jfif"] {
            try folder.write("a/" + name, [1])
        }
        #expect(mkfifo(folder.path + "/a/pipe.jpg", 0o600) == 0)
        let opened = try Self.open(folder.path, split: 0)
        #expect(opened.training.count == 4)
        #expect(opened.skippedCount == 8)
        let all = opened.warnings.joined(separator: "\n")
        #expect(all.contains("3 .psd files left out: not a kind that is read here, convert to PNG or JPEG"))
        #expect(all.contains("2 .svg files left out") && all.contains("1 .cr2 file left out"))
        #expect(all.contains("rename to .jpg") && all.contains("no regular file"))
    }

    @Test func whatMacsPutIntoZipsIsLeftOutAndCounted() throws {
        let beside = ["__MACOSX/a/._0.ppm", "__MACOSX/._a", "a/._0.ppm", "a/._1.jpg", "b/__MACOSX/._x.ppm"]
        let plain = try Self.twoClasses((2, 2))
        for name in beside { try plain.write(name, [0, 5, 0x16, 7]) }
        let opened = try Self.open(plain.path, split: 0)
        #expect(opened.classes == ["a", "b"] && opened.training.count == 4 && opened.skippedCount == 0)
        #expect(opened.warnings.count == 1)
        #expect(opened.warnings.first?.hasPrefix("4 left out that a Mac's zip has brought") == true)

        let splits = try TemporaryFolder()
        for split in ["train/", "val/"] {
            for name in ["a/0.ppm", "b/0.ppm"] { try splits.write(split + name, Self.tiny) }
            for name in beside { try splits.write(split + name, [0]) }
        }
        try splits.write("__MACOSX/x", [0])
        let parted = try Self.open(splits.path)
        #expect(parted.classes == ["a", "b"] && parted.training.count == 2 && parted.validation.count == 2)
        #expect(parted.warnings.map { $0.hasPrefix("9 left out") } == [true])
        try FileManager.default.removeItem(atPath: splits.path + "/val")
        #expect(try Self.open(splits.path).warnings.contains { $0.hasPrefix("5 left out") })
    }

    @Test func foldersThatCannotBeUsedGetOneClearLine() throws {
        let folder = try TemporaryFolder()
        #expect(Self.message(folder.path + "/none").contains("no such folder"))
        try folder.write("file", [1])
        #expect(Self.message(folder.path + "/file").contains("is a file"))
        #expect(Self.message(folder.path).contains("no class folders"))
        try folder.write("x.jpg", Self.tiny)
        #expect(Self.message(folder.path).contains("1 pictures lie directly in it"))
        try folder.write("cats/x.jpg", Self.tiny)
        #expect(Self.message(folder.path).contains("only one class, cats"))
        try folder.makeFolder("dogs")
        #expect(Self.message(folder.path).contains("dogs: no pictures"))
        try folder.write("dogs/x.psd", [1])
        #expect(Self.message(folder.path).contains("dogs: no picture of a kind that is read (jpg"))
        try folder.write("dogs/x.png", Self.tiny)
        #expect(Self.message(folder.path) == "opened")
        #expect(Self.message(folder.path, split: 1).contains("split"))
        #expect(Self.message(folder.path, split: -.infinity).contains("split"))
        #expect(Self.message(folder.path, split: .nan).contains("split"))
        #expect(Self.message("").contains("no path"))
        #expect(!Self.message(folder.path + "/file").contains("\n"))
    }

    @Test func aHeldOutPartIsStratifiedAndSeeded() throws {
        let folder = try Self.twoClasses((50, 10))
        let opened = try Self.open(folder.path)
        #expect(opened.training.countsByClass == [40, 8] && opened.validation.countsByClass == [10, 2])
        func names(_ pictures: FolderImages) -> [String] { (0..<pictures.count).map(pictures.name) }
        #expect(Set(names(opened.training)).isDisjoint(with: names(opened.validation)))
        #expect(names(opened.training) == names(try Self.open(folder.path).training))
        #expect(names(opened.training) != names(try Self.open(folder.path, seed: 1).training))
        #expect(try Self.open(folder.path, split: 0.999).training.countsByClass == [1, 1])
        #expect(try Self.open(folder.path, split: 0.001).validation.countsByClass == [1, 1])
        #expect(try Self.open(folder.path, split: 0).validation.count == 0)
        let single = try Self.twoClasses((1, 2))
        #expect(try Self.open(single.path, split: 0.5).training.countsByClass == [1, 1])
    }

    @Test func trainAndValAreTheSplits() throws {
        let folder = try TemporaryFolder()
        for name in ["train/cats/1.png", "train/dogs/1.png", "train/dogs/2.png", "val/dogs/3.png", "val/cats/4.png"] {
            try folder.write(name, Self.tiny)
        }
        let opened = try Self.open(folder.path)
        #expect(opened.classes == ["cats", "dogs"])
        #expect(opened.training.countsByClass == [1, 2] && opened.validation.countsByClass == [1, 1])
        try folder.write("val/birds/5.png", Self.tiny)
        #expect(Self.message(folder.path).contains("classes that train/ does not have: birds"))
    }

    @Test func halfOfTheSplitsIsHandledSensibly() throws {
        let folder = try TemporaryFolder()
        try folder.write("val/cats/1.png", Self.tiny)
        try folder.write("val/dogs/1.png", Self.tiny)
        #expect(Self.message(folder.path).contains("no train/"))
        let other = try TemporaryFolder()
        for i in 0..<5 {
            try other.write("train/cats/\(i).png", Self.tiny)
            try other.write("train/dogs/\(i).png", Self.tiny)
        }
        let opened = try Self.open(other.path)
        #expect(opened.classes == ["cats", "dogs"] && opened.validation.countsByClass == [1, 1])
        #expect(opened.warnings.contains { $0.contains("no val/") })
        // Trains are a class where there are others beside them.
        try other.write("bus/1.png", Self.tiny)
        #expect(try Self.open(other.path).classes == ["bus", "train"])
    }

    @Test func linksAreFollowedAndLoopsEnd() throws {
        let folder = try Self.twoClasses((2, 2))
        let files = FileManager.default
        try files.createSymbolicLink(atPath: folder.path + "/a/loop", withDestinationPath: folder.path + "/a")
        try files.createSymbolicLink(atPath: folder.path + "/a/link.jpg", withDestinationPath: folder.path + "/b/0.ppm")
        try files.createSymbolicLink(atPath: folder.path + "/a/dangling.jpg", withDestinationPath: "/nowhere")
        try files.createSymbolicLink(atPath: folder.path + "/c", withDestinationPath: folder.path + "/b")
        let opened = try Self.open(folder.path, split: 0)
        #expect(opened.classes == ["a", "b", "c"])
        #expect(opened.training.countsByClass == [4, 2, 2])
        let failures = ImageLoader.check(
            source: opened.training, preprocessing: Preprocessing(imageSize: 4), threads: 2, store: nil,
            progress: { _ in })
        #expect(failures.count == 1 && failures.first?.message.contains("dangling.jpg") == true)
        let rest = opened.training.removing(failures.map(\.index))
        #expect(rest.count == 7 && rest.countsByClass == [3, 2, 2] && rest.emptyClasses.isEmpty)
        #expect(rest.removing([5, 6]).emptyClasses == ["c"])
    }

    @Test func namesNeedNotBeUnicode() throws {
        let folder = try Self.twoClasses((1, 1))
        let path = Array(folder.path.utf8) + Array("/a/".utf8) + [0xFF, 0xFE] + Array(".jpg".utf8)
        let descriptor = path.withCString { Glibc.open($0, O_CREAT | O_WRONLY, 0o600) }
        #expect(descriptor >= 0)
        #expect(Self.tiny.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == Self.tiny.count)
        close(descriptor)
        let opened = try Self.open(folder.path, split: 0)
        let index = try #require((0..<3).first { opened.training.name($0).contains("\u{FFFD}") })
        #expect(try opened.training.image(index).width == 3)
        try folder.write("日本/写真.png", Self.tiny)
        try folder.write("日本/\u{1B}[2J\n.png", Array("GIF89a".utf8))
        let again = try Self.open(folder.path, split: 0)
        #expect(again.classes.contains("日本"))
        let failures = ImageLoader.check(
            source: again.training, preprocessing: Preprocessing(imageSize: 4), threads: 1, store: nil,
            progress: { _ in })
        #expect(failures.count == 1)
        #expect(failures.allSatisfy { $0.message.unicodeScalars.allSatisfy { $0.value >= 32 } })
    }
}
