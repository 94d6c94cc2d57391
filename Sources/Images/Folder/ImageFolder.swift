import Glibc
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
                    root, train: train, validation: validationName, ignored: rest, fromMacs: listing.fromMacs,
                    exif: exif,
                    progress: progress)
            }
            if rest.isEmpty {
                return try openHoldingOut(
                    root.appending(path: train), split: validationSplit, seed: seed, fromMacs: listing.fromMacs,
                    exif: exif,
                    progress: progress,
                    warnings: ["there is train/ but no val/: a part of train/ is held out instead"])
            }
        } else if let validationName,
            listing.directories.allSatisfy({ isHidden($0) || $0 == validationName || $0 == test })
        {
            throw refused(
                root, "there is \(validationName.shown)/ but no train/: name the training pictures' folder train")
        }
        return try openHoldingOut(root, split: validationSplit, seed: seed, exif: exif, progress: progress)
    }

    private static func isHidden(_ name: [UInt8]) -> Bool { name.first == UInt8(ascii: ".") }

    private static func list(_ path: [UInt8]) throws -> DirectoryListing {
        guard !path.isEmpty, !path.contains(0) else { throw refused(path, "is no path of a folder") }
        do {
            return try DirectoryListing(path)
        } catch {
            switch error.number {
            case ENOENT: throw refused(path, "no such folder; give the folder that holds a folder per class")
            case ENOTDIR: throw refused(path, "is a file; give the folder that holds a folder per class")
            default: throw refused(path, "cannot be read: \(systemMessage(error.number)); give yourself access to it")
            }
        }
    }

    private static func refused(_ folder: [UInt8], _ problem: String) -> ImageError {
        .folder(path: folder.shown, problem: problem)
    }

    /// The class folders in `path`, sorted as bytes, and how many things beside them come from a Mac's zip.
    private static func classFolders(_ path: [UInt8]) throws -> (names: [[UInt8]], fromMacs: Int) {
        let listing = try list(path)
        let folders = listing.directories.filter { !isHidden($0) }.sorted { $0.lexicographicallyPrecedes($1) }
        guard folders.isEmpty else { return (folders, listing.fromMacs) }
        let starts = [0] + listing.fileEnds
        let pictures = zip(starts, listing.fileEnds).filter { ImageEnding(listing.fileNames[$0..<$1]) != .ignored }
            .count
        throw refused(
            path,
            pictures > 0
                ? "\(pictures) pictures lie directly in it; sort them into one folder per class (for example cats/ and dogs/)"
                : "no class folders in it; it needs one folder of pictures per class (for example cats/ and dogs/)")
    }

    /// The class folders of pictures to train on: two at least. Classes are known by how their names are shown; two that
    /// look alike could not be told apart later.
    private static func trainingFolders(_ path: [UInt8]) throws -> (names: [[UInt8]], fromMacs: Int) {
        let (folders, fromMacs) = try classFolders(path)
        if folders.count == 1 {
            throw refused(
                path,
                "only one class, \(folders[0].shown); there is nothing to tell apart, so add a folder for another class"
            )
        }
        var seen: Set<String> = []
        guard let twice = folders.first(where: { !seen.insert($0.shown).inserted }) else {
            return (folders, fromMacs)
        }
        throw refused(
            path,
            "two class folders have names that look alike, \(twice.shown) (they differ in bytes that are not "
                + "UTF-8, in control characters, or in how an accent is written); rename one of them")
    }

    private init(
        _ folders: [[UInt8]], _ scan: FolderScan, training: [Int32], validation: [Int32], exif: ExifHandling,
        warnings: [String] = []
    ) {
        classes = folders.map(\.shown)
        self.training = FolderImages(catalogue: scan.catalogue, members: training, classes: classes, exif: exif)
        self.validation = FolderImages(catalogue: scan.catalogue, members: validation, classes: classes, exif: exif)
        self.warnings = warnings + scan.warnings
        skippedCount = scan.skippedCount
    }

    private static func openHoldingOut(
        _ root: [UInt8], split: Double, seed: UInt64, fromMacs: Int = 0, exif: ExifHandling,
        progress: (@Sendable (Int) -> Void)?, warnings: [String] = []
    ) throws -> ImageFolder {
        let (folders, besideFolders) = try trainingFolders(root)
        var scan = FolderScan(progress: progress)
        scan.fromMacs = fromMacs + besideFolders
        var training: [Int32] = []
        var validation: [Int32] = []
        for (label, name) in folders.enumerated() {
            let first = scan.catalogue.count
            let count = try scan.add(neededFolder: root.appending(path: name), label: label)
            let heldOut = heldOut(count, split: split, seed: seed, label: label)
            for i in 0..<count {
                if heldOut[i] { validation.append(Int32(first + i)) } else { training.append(Int32(first + i)) }
            }
        }
        return ImageFolder(folders, scan, training: training, validation: validation, exif: exif, warnings: warnings)
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
        _ root: [UInt8], train: [UInt8], validation: [UInt8], ignored: [[UInt8]], fromMacs: Int,
        exif: ExifHandling, progress: (@Sendable (Int) -> Void)?
    ) throws -> ImageFolder {
        let trainPath = root.appending(path: train)
        let validationPath = root.appending(path: validation)
        let (folders, besideTraining) = try trainingFolders(trainPath)
        let (validationFolders, besideValidation) = try classFolders(validationPath)
        let unknown = validationFolders.filter { !folders.contains($0) }
        guard unknown.isEmpty else {
            throw refused(
                validationPath,
                "classes that train/ does not have: \(unknown.prefix(5).map(\.shown).joined(separator: ", "));"
                    + " both need the same class folders")
        }
        var scan = FolderScan(progress: progress)
        scan.fromMacs = fromMacs + besideTraining + besideValidation
        var warnings: [String] = []
        for (label, name) in folders.enumerated() {
            _ = try scan.add(neededFolder: trainPath.appending(path: name), label: label)
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
            throw refused(validationPath, "no pictures: put some in it or delete it")
        }
        if !ignored.isEmpty {
            warnings.append(
                "beside train/ and \(validation.shown)/, not used: "
                    + ignored.prefix(5).map { $0.shown + "/" }.joined(separator: ", "))
        }
        let all = (0..<Int32(scan.catalogue.count))
        return ImageFolder(
            folders, scan, training: Array(all.prefix(trained)), validation: Array(all.dropFirst(trained)), exif: exif,
            warnings: warnings)
    }
}
