import Foundation
import Testing

import Images

@Suite struct DuplicateImagesTests {
    private func picture(_ seed: UInt8, size: Int = 60) -> [UInt8] {
        ppm(Image(width: size, height: size, pixels: (0..<(size * size * 3)).map { UInt8($0 % 97) &+ seed }))
    }

    private func find(_ folder: TemporaryFolder, split: Double = 0) throws -> DuplicateImages {
        let opened = try ImageFolderTests.open(folder.path, split: split)
        return DuplicateImages.find(training: opened.training, validation: opened.validation)
    }

    @Test func picturesInTrainAndValAreNamedWhateverTheirNames() throws {
        let folder = try TemporaryFolder()
        for (name, seed) in [
            ("train/cats/1.ppm", 1), ("train/cats/2.ppm", 2), ("train/dogs/3.ppm", 3), ("val/cats/other.jpg", 2),
            ("val/dogs/5.ppm", 5), ("val/dogs/again.png", 3),
        ] as [(String, UInt8)] {
            try folder.write(name, picture(seed))
        }
        let same = try find(folder)
        let root = folder.path
        #expect(same.leaks.map(\.first) == [root + "/train/cats/2.ppm", root + "/train/dogs/3.ppm"])
        #expect(same.leaks.map(\.second) == [root + "/val/cats/other.jpg", root + "/val/dogs/again.png"])
        #expect(same.contradictions.isEmpty && same.warnings.count == 1)
        #expect(same.warnings.first?.contains("2 pictures are in training and in validation") == true)
        #expect(same.warnings.first?.contains("train/cats/2.ppm = ") == true)
    }

    @Test func picturesInTwoClassesAreNamed() throws {
        let folder = try TemporaryFolder()
        for (name, seed) in [("a/1.ppm", 1), ("a/2.ppm", 2), ("b/1.ppm", 3), ("b/x.ppm", 1)] as [(String, UInt8)] {
            try folder.write(name, picture(seed))
        }
        let same = try find(folder)
        #expect(same.leaks.isEmpty)
        #expect(same.contradictions.map(\.first) == [folder.path + "/a/1.ppm"])
        #expect(same.contradictions.map(\.second) == [folder.path + "/b/x.ppm"])
        #expect(same.warnings.first?.hasPrefix("1 picture is in two classes: ") == true)
        let opened = try ImageFolderTests.open(folder.path, split: 0)
        let many = DuplicateImages.find(training: opened.training, validation: opened.validation, limit: 3)
        #expect(many.isLeftOut && many.contradictions.isEmpty && many.warnings.count == 1)
    }

    @Test func copiesInOneClassAreNoHarmUntilTheSplitParts() throws {
        let folder = try TemporaryFolder()
        for index in 0..<10 { try folder.write("a/\(index).ppm", picture(1)) }
        for index in 0..<10 { try folder.write("b/\(index).ppm", picture(UInt8(10 + index))) }
        #expect(try find(folder).warnings.isEmpty)
        #expect(try find(folder, split: 0.2).leaks.count == 1)
    }

    @Test func onlyWholeFilesThatAreEqualCount() throws {
        let folder = try TemporaryFolder()
        // Equal in size and for most of their length; the last byte, or one in the middle, is another.
        var (middle, last) = (picture(1), picture(1))
        middle[5000] ^= 1
        last[last.count - 1] ^= 1
        try folder.write("a/1.ppm", picture(1))
        try folder.write("b/middle.ppm", middle)
        try folder.write("b/last.ppm", last)
        try folder.write("b/short.ppm", Array(picture(1).dropLast()))
        try folder.write("b/small.ppm", picture(1, size: 5))
        try folder.write("a/small.ppm", picture(2, size: 5))
        #expect(try find(folder).warnings.isEmpty)
    }

    @Test func aFileThatVanishesAfterTheListingIsPassedOver() throws {
        let folder = try ImageFolderTests.twoClasses((3, 3))
        let opened = try ImageFolderTests.open(folder.path, split: 0)
        try FileManager.default.removeItem(atPath: folder.path + "/a/0.ppm")
        try FileManager.default.removeItem(atPath: folder.path + "/b")
        #expect(DuplicateImages.find(training: opened.training, validation: opened.validation).warnings.isEmpty)
        #expect(
            DuplicateImages.find(
                training: opened.training, validation: opened.validation, isCancelled: { true }
            ).warnings.isEmpty)
    }
}
