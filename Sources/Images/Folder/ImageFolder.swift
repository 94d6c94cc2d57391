#if canImport(Glibc)
    import Glibc
#endif

import Support

/// torchvision's ImageFolder layout: a folder per class, sorted by name, images below it at any depth. With `train/` and
/// `val/` (or `valid/`, `validation/`) in it, those are the splits; otherwise a stratified part is held out.
package struct ImageFolder: Sendable {
    package let classes: [String]
    package let training: FolderImages
    package let validation: FolderImages
    /// One line each, about what was left out or looks odd.
    package let warnings: [String]
    /// How many files were left out for what they are (not for what is in them, which only decoding shows).
    package let skippedCount: Int

    /// Reads names only, no image: a million files take seconds.
    ///
    /// - Parameters:
    ///   - validationSplit: the part of each class that is held out, 0 to below 1; at least one image of each class is kept
    ///     for training, and where the split is not 0 at least one is held out of each class with two or more.
    ///     Not used where the folder has its own splits.
    ///   - progress: how many images have been found so far, now and then.
    package static func open(
        _ path: String, validationSplit: Double, seed: UInt64, exif: ExifHandling,
        progress: (@Sendable (Int) -> Void)? = nil
    ) throws -> ImageFolder {
        guard validationSplit >= 0, validationSplit < 1 else {
            throw ImageError.folder(
                path: path, problem: "a validation split of \(validationSplit) is not in 0 to below 1")
        }
        let root = Array(path.utf8)
        let listing = try list(root)
        let names = Set(listing.directories)
        let train = Array("train".utf8)
        let validationName = ["val", "valid", "validation"].map { Array($0.utf8) }.first { names.contains($0) }
        let test = Array("test".utf8)
        if names.contains(train) {
            let rest = listing.directories.filter { !isHidden($0) && $0 != train && $0 != validationName && $0 != test }
            if let validationName {
                return try openSplits(
                    root, train: train, validation: validationName, ignored: rest, exif: exif, progress: progress)
            }
            if rest.isEmpty {
                let folder = try openHoldingOut(
                    root.appending(path: train), split: validationSplit, seed: seed, exif: exif, progress: progress)
                return folder.warning("there is train/ but no val/: a part of train/ is held out instead")
            }
        } else if let validationName,
            listing.directories.allSatisfy({ isHidden($0) || $0 == validationName || $0 == test })
        {
            throw ImageError.folder(
                path: path,
                problem: "there is \(validationName.shown)/ but no train/: name the training pictures' folder train")
        }
        return try openHoldingOut(root, split: validationSplit, seed: seed, exif: exif, progress: progress)
    }

    private func warning(_ line: String) -> ImageFolder {
        ImageFolder(
            classes: classes, training: training, validation: validation, warnings: [line] + warnings,
            skippedCount: skippedCount)
    }

    private static func isHidden(_ name: [UInt8]) -> Bool { name.first == UInt8(ascii: ".") }

    private static func list(_ path: [UInt8]) throws -> DirectoryListing {
        guard !path.isEmpty, !path.contains(0) else {
            throw ImageError.folder(path: path.shown, problem: "is no path of a folder")
        }
        do {
            return try DirectoryListing(path)
        } catch {
            switch error.number {
            case ENOENT:
                throw ImageError.folder(
                    path: path.shown, problem: "no such folder; give the folder that holds a folder per class")
            case ENOTDIR:
                throw ImageError.folder(
                    path: path.shown, problem: "is a file; give the folder that holds a folder per class")
            default:
                throw ImageError.folder(
                    path: path.shown,
                    problem: "cannot be read: \(systemMessage(error.number)); give yourself access to it")
            }
        }
    }

    /// The class folders in `path`, sorted as bytes.
    private static func classFolders(_ path: [UInt8]) throws -> [[UInt8]] {
        let listing = try list(path)
        let folders = listing.directories.filter { !isHidden($0) }.sorted { $0.lexicographicallyPrecedes($1) }
        guard folders.isEmpty else { return folders }
        var start = 0
        var pictures = 0
        for end in listing.fileEnds {
            if ImageEnding(listing.fileNames[start..<end]) != .ignored { pictures += 1 }
            start = end
        }
        throw ImageError.folder(
            path: path.shown,
            problem: pictures > 0
                ? "\(pictures) pictures lie directly in it; sort them into one folder per class (for example cats/ and dogs/)"
                : "no class folders in it; it needs one folder of pictures per class (for example cats/ and dogs/)")
    }

    /// Classes are known by how their names are shown; two that look alike could not be told apart later.
    private static func requireDistinct(_ folders: [[UInt8]], in path: [UInt8]) throws {
        var seen: Set<String> = []
        guard let twice = folders.first(where: { !seen.insert($0.shown).inserted }) else { return }
        throw ImageError.folder(
            path: path.shown,
            problem: "two class folders have names that look alike, \(twice.shown) (they differ in bytes that are not "
                + "UTF-8, in control characters, or in how an accent is written); rename one of them")
    }

    private static func requireTwo(_ folders: [[UInt8]], in path: [UInt8]) throws {
        guard folders.count == 1, let only = folders.first else { return }
        throw ImageError.folder(
            path: path.shown,
            problem: "only one class, \(only.shown); there is nothing to tell apart, so add a folder for another class")
    }

    private static func requireImages(
        _ count: Int, in folder: [UInt8], scan: FolderScan, before: (heic: Int, all: Int)
    ) throws {
        if count == 0 { throw ImageError.folder(path: folder.shown, problem: scan.whyEmpty(since: before)) }
    }

    private static func openHoldingOut(
        _ root: [UInt8], split: Double, seed: UInt64, exif: ExifHandling, progress: (@Sendable (Int) -> Void)?
    ) throws -> ImageFolder {
        let folders = try classFolders(root)
        try requireTwo(folders, in: root)
        try requireDistinct(folders, in: root)
        var scan = FolderScan(progress: progress)
        var training: [Int32] = []
        var validation: [Int32] = []
        for (label, name) in folders.enumerated() {
            let folder = root.appending(path: name)
            let before = scan.tally
            let first = scan.catalogue.count
            let count = try scan.add(classFolder: folder, label: label)
            try requireImages(count, in: folder, scan: scan, before: before)
            let heldOut = heldOut(count, split: split, seed: seed, label: label)
            for i in 0..<count {
                if heldOut[i] { validation.append(Int32(first + i)) } else { training.append(Int32(first + i)) }
            }
        }
        let classes = folders.map(\.shown)
        return ImageFolder(
            classes: classes,
            training: FolderImages(catalogue: scan.catalogue, members: training, classes: classes, exif: exif),
            validation: FolderImages(catalogue: scan.catalogue, members: validation, classes: classes, exif: exif),
            warnings: scan.warnings, skippedCount: scan.skippedCount)
    }

    /// Which of a class's images are held out: from the seed and the class's place alone, whatever the other classes hold.
    static func heldOut(_ count: Int, split: Double, seed: UInt64, label: Int) -> [Bool] {
        var held = [Bool](repeating: false, count: count)
        guard split > 0, count > 1 else { return held }
        let wanted = min(count - 1, max(1, Int((Double(count) * split).rounded())))
        var generator = SeededGenerator(seed: seed, stream: 0x73706C6974, UInt64(label))
        var places = Array(0..<count)
        for i in 0..<wanted {
            places.swapAt(i, i + generator.below(count - i))
            held[places[i]] = true
        }
        return held
    }

    private static func openSplits(
        _ root: [UInt8], train: [UInt8], validation: [UInt8], ignored: [[UInt8]], exif: ExifHandling,
        progress: (@Sendable (Int) -> Void)?
    ) throws -> ImageFolder {
        let trainPath = root.appending(path: train)
        let validationPath = root.appending(path: validation)
        let folders = try classFolders(trainPath)
        try requireTwo(folders, in: trainPath)
        try requireDistinct(folders, in: trainPath)
        let validationFolders = try classFolders(validationPath)
        let unknown = validationFolders.filter { !folders.contains($0) }
        guard unknown.isEmpty else {
            throw ImageError.folder(
                path: validationPath.shown,
                problem: "classes that train/ does not have: \(unknown.prefix(5).map(\.shown).joined(separator: ", "));"
                    + " both need the same class folders")
        }
        var scan = FolderScan(progress: progress)
        var warnings: [String] = []
        for (label, name) in folders.enumerated() {
            let folder = trainPath.appending(path: name)
            let before = scan.tally
            let count = try scan.add(classFolder: folder, label: label)
            try requireImages(count, in: folder, scan: scan, before: before)
        }
        let trained = scan.catalogue.count
        for (label, name) in folders.enumerated() {
            let folder = validationPath.appending(path: name)
            guard validationFolders.contains(name), try scan.add(classFolder: folder, label: label) > 0 else {
                warnings.append("\(folder.shown): no validation pictures for the class \(name.shown)")
                continue
            }
        }
        guard scan.catalogue.count > trained else {
            throw ImageError.folder(path: validationPath.shown, problem: "no pictures: put some in it or delete it")
        }
        if !ignored.isEmpty {
            warnings.append(
                "beside train/ and \(validation.shown)/, not used: "
                    + ignored.prefix(5).map { $0.shown + "/" }.joined(separator: ", "))
        }
        let classes = folders.map(\.shown)
        let all = (0..<Int32(scan.catalogue.count))
        return ImageFolder(
            classes: classes,
            training: FolderImages(
                catalogue: scan.catalogue, members: Array(all.prefix(trained)), classes: classes, exif: exif),
            validation: FolderImages(
                catalogue: scan.catalogue, members: Array(all.dropFirst(trained)), classes: classes, exif: exif),
            warnings: warnings + scan.warnings, skippedCount: scan.skippedCount)
    }
}
