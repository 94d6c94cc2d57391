import Glibc
import Support

/// Finds images that lie in a folder twice, byte for byte, where that does harm: on both sides of the split, or under two
/// classes. Only files of equal size are opened, and of those that begin differently only the beginning is read.
package struct DuplicateImages: Sendable {
    /// Two files with the same bytes.
    package struct Pair: Sendable, Equatable {
        package let first: String
        package let second: String
    }

    /// One pair for each image that is used for training and for validation.
    package private(set) var leaks: [Pair] = []
    /// One pair for each image that two classes have.
    package private(set) var contradictions: [Pair] = []
    /// Whether there were too many images to look at each.
    package private(set) var isLeftOut = false

    /// Among more images nothing is looked for: asking for the size of each would hold up the first step.
    package static let mostImages = 200_000
    private static let beginning = 4096

    private struct File {
        let index: Int
        var size: Int64
        var hash: UInt64 = 0
    }

    /// Names that vanish, and what is no regular file, are passed over.
    package static func find(
        training: FolderImages, validation: FolderImages, limit: Int = mostImages,
        isCancelled: () -> Bool = { false }
    ) -> DuplicateImages {
        func of<Value>(_ index: Int, _ value: (FolderImages) -> (Int) -> Value) -> Value {
            index < training.count ? value(training)(index) : value(validation)(index - training.count)
        }
        func name(_ index: Int) -> String { of(index, FolderImages.name) }
        var result = DuplicateImages()
        guard training.count + validation.count <= limit else {
            result.isLeftOut = true
            return result
        }
        var files: [File] = []
        for index in 0..<(training.count + validation.count) {
            if index % 1000 == 0, isCancelled() { return result }
            if let size = size(of(index, FolderImages.pathBytes)) { files.append(File(index: index, size: size)) }
        }
        files = repeated(files)
        for whole in [false, true] {
            for at in files.indices {
                if at % 100 == 0, isCancelled() { return result }
                // What has been read to its end once needs no second reading.
                guard !whole || files[at].size > Int64(beginning) else { continue }
                guard let hash = hash(of(files[at].index, FolderImages.pathBytes), upTo: whole ? .max : beginning)
                else {
                    files[at].size = -1
                    continue
                }
                files[at].hash = hash
            }
            files = repeated(files.filter { $0.size >= 0 })
        }
        for group in groups(files).sorted(by: { $0[0].index < $1[0].index }) {
            let first = group[0].index
            if first < training.count, let other = group.first(where: { $0.index >= training.count }) {
                result.leaks.append(Pair(first: name(first), second: name(other.index)))
            }
            let label = of(first, FolderImages.label)
            if let other = group.first(where: { of($0.index, FolderImages.label) != label }) {
                result.contradictions.append(Pair(first: name(first), second: name(other.index)))
            }
        }
        return result
    }

    /// A line for each kind of harm, with a few of the pairs.
    package var warnings: [String] {
        func some(_ pairs: [Pair]) -> String {
            pairs.prefix(3).map { "\($0.first) = \($0.second)" }.joined(separator: ", ")
                + (pairs.count > 3 ? ", …" : "")
        }
        func many(_ count: Int) -> String { count == 1 ? "1 picture is" : "\(count) pictures are" }
        var lines: [String] = []
        if !leaks.isEmpty {
            lines.append(
                "\(many(leaks.count)) in training and in validation, so that the accuracy flatters: \(some(leaks)); "
                    + "delete one of each")
        }
        if !contradictions.isEmpty {
            lines.append(
                "\(many(contradictions.count)) in two classes: \(some(contradictions)); delete the one that is wrong")
        }
        if isLeftOut { lines.append("these are too many pictures to look for some that are there twice") }
        return lines
    }

    // MARK: Files

    private static func precedes(_ a: File, _ b: File) -> Bool { (a.size, a.hash, a.index) < (b.size, b.hash, b.index) }

    /// Files with the same size and hash, two or more of each, in the order of their places.
    private static func groups(_ files: [File]) -> [[File]] {
        var groups: [[File]] = []
        var start = 0
        let sorted = files.sorted(by: precedes)
        for end in 1..<max(1, sorted.count + 1) {
            let goesOn =
                end < sorted.count && sorted[end].size == sorted[start].size && sorted[end].hash == sorted[start].hash
            if goesOn { continue }
            if end - start > 1 { groups.append(Array(sorted[start..<end])) }
            start = end
        }
        return groups
    }

    private static func repeated(_ files: [File]) -> [File] { groups(files).flatMap(\.self) }

    private static func size(_ path: [UInt8]) -> Int64? {
        var status = stat()
        guard path.withCString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// Of the file's first bytes; nil where it cannot be read.
    private static func hash(_ path: [UInt8], upTo limit: Int) -> UInt64? {
        guard let (descriptor, _) = try? RegularFile.open(path, name: "") else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: min(limit, 1 << 16))
        var hash: UInt64 = 0
        var done = 0
        while done < limit {
            let (count, error) = buffer.withUnsafeMutableBytes { readAll(into: $0, from: descriptor) }
            guard error == 0 else { return nil }
            let part = buffer.withUnsafeBytes { ContentHash.of(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            hash = (hash ^ part) &* 0x100_0000_01B3
            done += count
            if count < buffer.count { break }
        }
        return hash
    }
}
