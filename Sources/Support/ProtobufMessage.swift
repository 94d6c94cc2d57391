/// A message in protobuf's wire format, written field by field (protobuf.dev, "Encoding"): what ONNX models and
/// TensorBoard events are made of.
package struct ProtobufMessage {
    private var output = LittleEndianBytes()
    package var bytes: [UInt8] { output.bytes }

    package init() {}

    package mutating func integer(_ field: Int, _ value: Int) {
        key(field, wire: 0)
        variable(UInt64(bitPattern: Int64(value)))
    }

    package mutating func text(_ field: Int, _ value: String) { data(field, Array(value.utf8)) }

    package mutating func data(_ field: Int, _ value: [UInt8]) {
        key(field, wire: 2)
        variable(UInt64(value.count))
        output.append(value)
    }

    package mutating func message(_ field: Int, _ build: (inout ProtobufMessage) throws -> Void) rethrows {
        var inner = ProtobufMessage()
        try build(&inner)
        data(field, inner.bytes)
    }

    package mutating func float(_ field: Int, _ value: Float) {
        key(field, wire: 5)
        output.append(value.bitPattern)
    }

    package mutating func double(_ field: Int, _ value: Double) {
        key(field, wire: 1)
        output.append(value.bitPattern)
    }

    package mutating func doubles(_ field: Int, _ values: [Double]) {
        var packed = LittleEndianBytes()
        for value in values { packed.append(value.bitPattern) }
        data(field, packed.bytes)
    }

    private mutating func key(_ field: Int, wire: Int) { variable(UInt64(field << 3 | wire)) }

    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }
}
