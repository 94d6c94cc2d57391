/// Anything that yields labelled pictures: a folder, or the drawn demonstration. An index is in 0..<count.
public protocol PictureSource: Sendable {
    var count: Int { get }
    /// The names of the classes; a label is an index into them.
    var classes: [String] { get }
    func label(_ index: Int) -> Int
    /// What messages call the picture.
    func name(_ index: Int) -> String
    func picture(_ index: Int) throws -> Picture
}
