import Support

/// Walks class folders and fills a catalogue, in torchvision's order: folders by path, then files by name, as bytes.
struct FolderScan {
    var catalogue = FolderImages.Catalogue()
    /// Files that look like images but are of a kind that we cannot read: how many of each ending, and one of them.
    private var unreadable: [String: (count: Int, example: String)] = [:]
    private var others = 0
    /// What zips from Macs bring; also of folders above the classes, which the caller lists.
    var fromMacs = 0
    private var closed: [String] = []
    private var closedCount = 0
    private let progress: (@Sendable (Int) -> Void)?

    init(progress: (@Sendable (Int) -> Void)?) { self.progress = progress }

    /// What was left out because of its name or because it is no regular file.
    var skippedCount: Int { unreadable.values.reduce(others) { $0 + $1.count } }

    /// Adds the images below `path`, at any depth, and says how many there are.
    mutating func add(classFolder path: [UInt8], label: Int) throws -> Int {
        let before = catalogue.count
        var seen: Set<DirectoryIdentity> = []
        var folders: [(path: [UInt8], listing: DirectoryListing)] = []
        var pending = [path]
        while let next = pending.popLast() {
            let listing: DirectoryListing
            do {
                listing = try DirectoryListing(next)
            } catch {
                // The class folder itself must be readable; one below it is left out like an image.
                let reason = systemMessage(error.number)
                guard next != path else {
                    let problem = "cannot be read: \(reason); give yourself access to it or move it away"
                    throw ImageError.folder(path: next.shown, problem: problem)
                }
                closedCount += 1
                if closed.count < 3 { closed.append("\(next.shown) (\(reason))") }
                continue
            }
            // A folder that was seen before comes from a link, maybe a loop: its images are there already.
            guard seen.insert(listing.identity).inserted else { continue }
            others += listing.others
            fromMacs += listing.fromMacs
            for name in listing.directories.sorted(by: { $1.lexicographicallyPrecedes($0) })
            where name.first != UInt8(ascii: ".") {
                pending.append(next.appending(path: name))
            }
            if !listing.fileEnds.isEmpty { folders.append((next, listing)) }
        }
        folders.sort { $0.path.lexicographicallyPrecedes($1.path) }
        for (path, listing) in folders { add(listing, of: path, label: label) }
        progress?(catalogue.count)
        return catalogue.count - before
    }

    /// The same for a class that must have an image.
    mutating func add(neededFolder path: [UInt8], label: Int) throws -> Int {
        let before = skippedCount
        let count = try add(classFolder: path, label: label)
        guard count > 0 else { throw ImageError.folder(path: path.shown, problem: whyEmpty(since: before)) }
        return count
    }

    private mutating func add(_ listing: DirectoryListing, of path: [UInt8], label: Int) {
        let directory = Int32(catalogue.directories.count)
        var taken: [Range<Int>] = []
        var start = 0
        for end in listing.fileEnds {
            let name = listing.fileNames[start..<end]
            func leaveOut(_ ending: String) {
                unreadable[ending, default: (0, path.appending(path: name).shown)].count += 1
            }
            switch ImageEnding(name) {
            case .considered: taken.append(start..<end)
            case .unreadable(let ending): leaveOut(ending)
            case .ignored: break
            }
            start = end
        }
        guard !taken.isEmpty else { return }
        listing.fileNames.withUnsafeBytes { names in
            // As Python orders names: byte by byte, the shorter one first.
            taken.sort { UnsafeRawBufferPointer(rebasing: names[$0]).lexicographicallyPrecedes(names[$1]) }
            catalogue.directories.append(path)
            for range in taken {
                catalogue.names.append(contentsOf: UnsafeRawBufferPointer(rebasing: names[range]))
                catalogue.starts.append(catalogue.names.count)
                catalogue.directory.append(directory)
                catalogue.labels.append(Int32(label))
                if catalogue.count % 20_000 == 0 { progress?(catalogue.count) }
            }
        }
    }

    /// One line for each kind of thing that was left out.
    var warnings: [String] {
        var lines: [String] = []
        for (ending, found) in unreadable.sorted(by: { $0.key < $1.key }) {
            let advice =
                switch ending {
                case "jfif", "jpe", "mpo": "rename to .jpg"
                case "pbm", "pnm": "rename to .ppm"
                default: "not a kind that is read here, convert to PNG or JPEG"
                }
            lines.append(
                "\(found.count) .\(ending) \(found.count == 1 ? "file" : "files") left out: \(advice)"
                    + " (for example \(found.example))")
        }
        if others > 0 {
            lines.append(
                "\(others) left out that \(others == 1 ? "is" : "are") no regular file (pipes, sockets, devices)")
        }
        if fromMacs > 0 {
            lines.append(
                "\(fromMacs) left out that a Mac's zip has brought beside the pictures (__MACOSX folders, ._ files)")
        }
        if closedCount > 0 {
            lines.append(
                "\(closedCount) \(closedCount == 1 ? "folder" : "folders") left out that cannot be read: "
                    + closed.joined(separator: ", ") + (closedCount > closed.count ? ", …" : ""))
        }
        return lines
    }

    /// Why a class folder may look full and yet have no image; `before` is what had been left out before it.
    private func whyEmpty(since before: Int) -> String {
        if skippedCount > before {
            return
                "no picture of a kind that is read (jpg, jpeg, png, webp, heic, heif, hif, avif, gif, tif, tiff, bmp, "
                + "ppm, pgm, jxl): convert them"
        }
        return "no pictures: put some in it or delete it"
    }
}

/// The pictures below a folder that is no data set.
package enum FolderPictures {
    /// Paths of what looks like a picture by its name, at any depth, in the order of a class folder's. Throws
    /// `ImageError.folder` where the folder cannot be read.
    package static func paths(in folder: [UInt8]) throws -> [[UInt8]] {
        var scan = FolderScan(progress: nil)
        _ = try scan.add(classFolder: folder, label: 0)
        return (0..<scan.catalogue.count).map(scan.catalogue.path)
    }
}
