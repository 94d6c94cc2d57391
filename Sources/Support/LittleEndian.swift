/// Bytes that grow by numbers, the lowest byte first.
package struct LittleEndianBytes {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func append(_ number: some FixedWidthInteger) { add(number) }
    package mutating func append(_ numbers: any FixedWidthInteger...) { for number in numbers { add(number) } }

    private mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ other: some Sequence<UInt8>) { bytes.append(contentsOf: other) }
}

extension UnsafeRawBufferPointer {
    /// The unsigned number of `width` (1 to 8) bytes at `offset`; nil where it does not lie inside.
    package func number(at offset: Int, width: Int, bigEndian: Bool = false) -> UInt64? {
        guard offset >= 0, (1...8).contains(width), offset <= count - width else { return nil }
        var value: UInt64 = 0
        for i in 0..<width { value = value << 8 | UInt64(self[offset + (bigEndian ? i : width - 1 - i)]) }
        return value
    }
}
