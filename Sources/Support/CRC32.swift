/// A cyclic redundancy check of 32 bits over a reflected polynomial, eight bytes at a time (Kounavis and Berry 2005).
package struct CRC32: Sendable {
    /// The checksum of zip files.
    package static let zip = CRC32(polynomial: 0xEDB8_8320)
    /// Castagnoli's, the checksum of TensorFlow's record files (RFC 3720, section 12.1).
    package static let castagnoli = CRC32(polynomial: 0x82F6_3B78)

    private let tables: [UInt32]

    private init(polynomial: UInt32) {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for i in 0..<256 {
            tables[i] = (0..<8).reduce(UInt32(i)) { value, _ in value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
        }
        for i in 256..<tables.count { tables[i] = tables[i - 256] >> 8 ^ tables[Int(tables[i - 256] & 0xFF)] }
        self.tables = tables
    }

    package func of(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { of($0) } }

    package func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        tables.withUnsafeBufferPointer { t in
            var crc: UInt32 = ~0
            var at = 0
            while at + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ UInt64(crc)
                var next: UInt32 = 0
                for i in 0..<8 { next ^= t[(7 - i) * 256 + Int(truncatingIfNeeded: word >> (8 * UInt64(i)) & 0xFF)] }
                crc = next
                at += 8
            }
            while at < bytes.count {
                crc = crc >> 8 ^ t[Int((crc ^ UInt32(bytes[at])) & 0xFF)]
                at += 1
            }
            return ~crc
        }
    }
}
