/// A fast 64-bit hash of bytes, to notice change (it does not withstand forging).
///
/// Four independent lanes of 8 bytes each, multiplied and rotated as in xxHash64 (Collet 2012), folded at the end.
package struct ContentHash {
    private static let a: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let b: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let c: UInt64 = 0x1656_67B1_9E37_79F9

    package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var lanes = SIMD4<UInt64>(a &+ b, b, 0, 0 &- a)
        var at = 0
        while at + 32 <= bytes.count {
            let block = bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self)
            lanes = lanes &+ block &* b
            lanes = (lanes &<< 31) | (lanes &>> 33)
            lanes = lanes &* a
            at += 32
        }
        var hash = UInt64(bytes.count) &* c
        for i in 0..<4 { hash = rotate(hash ^ lanes[i], 27) &* a &+ b }
        while at < bytes.count {
            hash = rotate(hash ^ (UInt64(bytes[at]) &* c), 11) &* a
            at += 1
        }
        hash = (hash ^ hash >> 33) &* b
        hash = (hash ^ hash >> 29) &* c
        return hash ^ hash >> 32
    }

    /// As sixteen hexadecimal digits.
    package static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func rotate(_ value: UInt64, _ by: UInt64) -> UInt64 { value << by | value >> (64 - by) }
}
