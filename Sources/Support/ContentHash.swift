import Foundation

/// A fast 64-bit hash of bytes, to notice change (it does not withstand forgery).
///
/// Four independent lanes of 8 bytes each, multiplied and rotated as in xxHash64 (Collet 2012), folded at the end.
package struct ContentHash {
    private static let a: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let b: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let c: UInt64 = 0x1656_67B1_9E37_79F9
    /// What is read of a file at a time; a multiple of 32.
    private static let pieceSize = 1 << 20

    private var lanes = SIMD4<UInt64>(a &+ b, b, 0, 0 &- a)

    package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = ContentHash()
        let tail = hash.addBlocks(bytes)
        return hash.finish(bytes[tail...], count: bytes.count)
    }

    /// Of a file's bytes, read through one descriptor. Throws `.cannotOpen`, also for a file that changes its length
    /// meanwhile.
    package static func of(file path: String) throws(FileError) -> UInt64 {
        let (descriptor, size) = try RegularFile.open(path)
        defer { close(descriptor) }
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceSize, alignment: 32)
        defer { piece.deallocate() }
        var hash = ContentHash()
        var count = 0
        while true {
            let (filled, error) = readAll(into: piece, from: descriptor)
            if error != 0 { throw .cannotOpen(file: path, reason: systemMessage(error)) }
            let tail = hash.addBlocks(UnsafeRawBufferPointer(rebasing: piece[..<filled]))
            count += filled
            if filled == pieceSize { continue }
            guard count == size else {
                throw .cannotOpen(file: path, reason: "it changed its length while it was read")
            }
            return hash.finish(UnsafeRawBufferPointer(piece)[tail..<filled], count: count)
        }
    }

    /// Takes in all whole blocks of 32 bytes. Returns where they end.
    private mutating func addBlocks(_ bytes: UnsafeRawBufferPointer) -> Int {
        var lanes = lanes
        var at = 0
        while at + 32 <= bytes.count {
            let block = bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self)
            lanes = lanes &+ block &* Self.b
            lanes = (lanes &<< 31) | (lanes &>> 33)
            lanes = lanes &* Self.a
            at += 32
        }
        self.lanes = lanes
        return at
    }

    /// The hash of `count` bytes whose blocks were taken in; `tail` is what follows them.
    private func finish(_ tail: Slice<UnsafeRawBufferPointer>, count: Int) -> UInt64 {
        var hash = UInt64(count) &* Self.c
        for i in 0..<4 { hash = Self.rotate(hash ^ lanes[i], 27) &* Self.a &+ Self.b }
        for byte in tail { hash = Self.rotate(hash ^ (UInt64(byte) &* Self.c), 11) &* Self.a }
        hash = (hash ^ hash >> 33) &* Self.b
        hash = (hash ^ hash >> 29) &* Self.c
        return hash ^ hash >> 32
    }

    /// As sixteen hexadecimal digits.
    package static func text(_ hash: UInt64) -> String { Numbers.hexadecimal(hash) }

    private static func rotate(_ value: UInt64, _ by: UInt64) -> UInt64 { value << by | value >> (64 - by) }
}
