/// Anything that yields labelled images: a folder, or the drawn demonstration. An index is in 0..<count.
package protocol ImageSource: Sendable {
    var count: Int { get }
    /// The names of the classes; a label is an index into them.
    var classes: [String] { get }
    func label(_ index: Int) -> Int
    /// What messages call the image.
    func name(_ index: Int) -> String
    func image(_ index: Int) throws -> Image
    /// What tells the image from all others, for hashes: cheaper than a name where there are a million.
    func identity(_ index: Int) -> [UInt8]
}

extension ImageSource {
    /// How many images each class has.
    package var countsByClass: [Int] {
        var counts = [Int](repeating: 0, count: classes.count)
        for index in 0..<count { counts[label(index)] += 1 }
        return counts
    }

    package func identity(_ index: Int) -> [UInt8] { Array(name(index).utf8) }
}
