import Checkpoints

extension PictureSets {
    /// A hash of every picture's name and label in order: another folder, or another split, is another number.
    var identity: UInt64 {
        var hash: UInt64 = 0
        var text: [UInt8] = []
        /// In pieces, since the names of a million pictures are more than should lie about at once.
        func fold() {
            hash = [hash, text.withUnsafeBytes { ContentHash.of($0) }].withUnsafeBytes { ContentHash.of($0) }
            text.removeAll(keepingCapacity: true)
        }
        for source in [training, validation] {
            for index in 0..<source.count {
                text.append(contentsOf: source.identity(index))
                text.append(0)
                withUnsafeBytes(of: UInt32(truncatingIfNeeded: source.label(index)).littleEndian) {
                    text.append(contentsOf: $0)
                }
                if text.count > 1 << 16 { fold() }
            }
            fold()
        }
        return hash
    }
}
