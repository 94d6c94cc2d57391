/// The checksum of TensorFlow's record files: Castagnoli's polynomial, reflected 0x82F63B78 (RFC 3720, section 12.1).
package enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        var value = UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
        return value
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0 as UInt32) { crc, byte in crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xFF)] }
    }

    /// As the records carry it: rotated and shifted, so that a checksum of checksummed bytes is none of its own.
    static func masked(_ bytes: [UInt8]) -> UInt32 {
        let crc = of(bytes)
        return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    }
}
