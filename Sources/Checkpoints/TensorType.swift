/// The element types that checkpoints hold.
package enum TensorType: String, Sendable, CaseIterable {
    case float32, float16, bfloat16, float64, int64, int32, int16, int8, uint8, bool

    package var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    /// The names that torch's storage classes and the safetensors format have for each type.
    private static let names: [(type: TensorType, storage: String, safetensors: String)] = [
        (.float32, "FloatStorage", "F32"), (.float16, "HalfStorage", "F16"), (.bfloat16, "BFloat16Storage", "BF16"),
        (.float64, "DoubleStorage", "F64"), (.int64, "LongStorage", "I64"), (.int32, "IntStorage", "I32"),
        (.int16, "ShortStorage", "I16"), (.int8, "CharStorage", "I8"), (.uint8, "ByteStorage", "U8"),
        (.bool, "BoolStorage", "BOOL"),
    ]

    init?(storage: some StringProtocol) {
        let name = storage == "UntypedStorage" ? "ByteStorage" : String(storage)
        guard let row = Self.names.first(where: { $0.storage == name }) else { return nil }
        self = row.type
    }

    init?(safetensors: String) {
        guard let row = Self.names.first(where: { $0.safetensors == safetensors }) else { return nil }
        self = row.type
    }
}

/// The strides of a tensor without gaps, the last index fastest; they wrap where the shape fits no memory.
func contiguousStrides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in strides.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] &* max(1, shape[axis + 1]) }
    return strides
}
