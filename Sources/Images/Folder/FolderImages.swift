/// Images in an image folder, by path. A million of them take some 60 MB: names lie end to end in one buffer, and
/// folders are kept once.
package struct FolderImages: ImageSource {
    /// What is shared by the parts of a folder; paths are bytes, since file names need not be UTF-8.
    struct Catalogue: Sendable {
        var directories: [[UInt8]] = []
        /// The names of files, end to end.
        var names: [UInt8] = []
        /// Where each name starts, and one more: where the last one ends.
        var starts: [Int] = [0]
        var directory: [Int32] = []
        var labels: [Int32] = []
        var count: Int { labels.count }

        /// The path as the system knows it.
        func path(_ position: Int) -> [UInt8] {
            directories[Int(directory[position])].appending(path: names[starts[position]..<starts[position + 1]])
        }
    }

    private let catalogue: Catalogue
    /// Positions in the catalogue.
    private let members: [Int32]
    package let classes: [String]
    package let exif: ExifHandling

    init(catalogue: Catalogue, members: [Int32], classes: [String], exif: ExifHandling) {
        self.catalogue = catalogue
        self.members = members
        self.classes = classes
        self.exif = exif
    }

    package var count: Int { members.count }

    package func label(_ index: Int) -> Int { Int(catalogue.labels[Int(members[index])]) }

    /// The file's path, for messages: what is not UTF-8, and control characters, are shown as U+FFFD.
    package func name(_ index: Int) -> String { pathBytes(index).shown }

    package func image(_ index: Int) throws -> Image {
        let path = pathBytes(index)
        return try ImageDecoder.decode(pathBytes: path, name: path.shown, exif: exif)
    }

    package func identity(_ index: Int) -> [UInt8] { pathBytes(index) }

    /// The path as the system knows it.
    package func pathBytes(_ index: Int) -> [UInt8] { catalogue.path(Int(members[index])) }

    /// The same images without some; later ones move up.
    package func removing(_ indices: some Sequence<Int>) -> FolderImages {
        let gone = Set(indices)
        guard !gone.isEmpty else { return self }
        let rest = members.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        return FolderImages(catalogue: catalogue, members: rest, classes: classes, exif: exif)
    }

    /// Classes without an image, for example after the unreadable ones have been removed.
    package var emptyClasses: [String] { zip(classes, countsByClass).filter { $0.1 == 0 }.map(\.0) }
}
