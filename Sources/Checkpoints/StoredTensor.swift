import Support

/// One tensor of a file: where its elements lie, not a copy of them. All bounds were checked when the file was opened.
package struct StoredTensor: Sendable {
    package internal(set) var name: String
    package let type: TensorType
    package let shape: [Int]
    /// In elements; 0 for an axis of one.
    package let strides: [Int]
    /// Byte offset of the first element in the file.
    let start: Int
    let file: FileContents
    let isBigEndian: Bool

    /// A hundred times ResNet18's largest tensor.
    static let maximumCount = 1 << 28

    /// The product of `shape`.
    package let count: Int

    /// Checks that every element that shape and strides reach lies inside `storage`, a byte range of the file.
    ///
    /// Throws `.damaged` for negative sizes, for more elements than the file could hold, and for what reaches outside.
    init(
        name: String, type: TensorType, shape: [Int], strides: [Int], offset: Int, storage: Range<Int>,
        file: FileContents, isBigEndian: Bool = false
    ) throws(CheckpointError) {
        func damaged(_ problem: String) -> CheckpointError { file.damaged("tensor '\(name)' \(problem)") }
        guard shape.count == strides.count, shape.count <= 64 else {
            throw damaged("has \(strides.count) strides for \(shape.count) sizes")
        }
        guard offset >= 0, (shape + strides).allSatisfy({ $0 >= 0 }) else {
            throw damaged("has a negative size, stride or offset")
        }
        var elements = 1
        var last = offset
        let isEmpty = shape.contains(0)
        // The stride of an axis of one element is never walked, and may be anything in a file.
        let strides = zip(shape, strides).map { $0 > 1 ? $1 : 0 }
        for (size, stride) in zip(shape, strides) where !isEmpty {
            let (product, tooMany) = elements.multipliedReportingOverflow(by: size)
            let (reach, tooFar) = stride.multipliedReportingOverflow(by: size - 1)
            let (sum, beyond) = last.addingReportingOverflow(reach)
            // Strides of 0 can make a small file claim any number of elements.
            guard !tooMany, !tooFar, !beyond, product <= Self.maximumCount else {
                throw damaged("is larger than any memory")
            }
            elements = product
            last = sum
        }
        let available = storage.count / type.byteCount
        guard isEmpty || last < available else {
            throw damaged("reaches element \(last) of a storage that has \(available)")
        }
        self.name = name
        self.type = type
        self.shape = shape
        self.strides = strides
        count = isEmpty ? 0 : elements
        start = storage.lowerBound + (isEmpty ? 0 : offset * type.byteCount)
        self.file = file
        self.isBigEndian = isBigEndian
    }

    /// The elements in logical order, the last index fastest, as float32.
    package func floats() throws -> [Float] {
        let total = count
        return [Float](unsafeUninitializedCapacity: total) { buffer, initialized in
            write(to: UnsafeMutableBufferPointer(rebasing: buffer[0..<total]))
            initialized = total
        }
    }

    /// The same into `buffer`, which must have room for `count` elements; throws `.damaged` where it has not.
    package func copyFloats(to buffer: UnsafeMutableBufferPointer<Float>) throws {
        guard buffer.count >= count else {
            throw file.damaged("tensor '\(name)' has \(count) elements, not \(buffer.count)")
        }
        write(to: buffer)
    }

    /// The elements in logical order as integers, fractions cut off; throws `.damaged` for what no Int64 can hold.
    package func integers() throws -> [Int64] {
        var result: [Int64] = []
        result.reserveCapacity(count)
        var bad = false
        forEachOffset { at in
            if let integer = integer(at) ?? Int64(exactly: double(at).rounded(.towardZero)) {
                result.append(integer)
            } else {
                bad = true
            }
        }
        if bad { throw file.damaged("tensor '\(name)' holds no integers") }
        return result
    }

    private var isContiguous: Bool {
        zip(shape, zip(strides, contiguousStrides(shape))).allSatisfy { size, stride in
            size == 1 || stride.0 == stride.1
        }
    }

    private func write(to buffer: UnsafeMutableBufferPointer<Float>) {
        guard let target = buffer.baseAddress else { return }
        if type == .float32, isContiguous, !isBigEndian, let source = file.bytes.baseAddress {
            UnsafeMutableRawPointer(target).copyMemory(from: source + start, byteCount: count * 4)
            return
        }
        var position = 0
        forEachOffset { at in
            target[position] = float(at)
            position += 1
        }
    }

    /// Calls `body` with the byte offset of each element, in logical order.
    private func forEachOffset(_ body: (Int) -> Void) {
        let total = count
        guard total > 0 else { return }
        let size = type.byteCount
        guard let inner = shape.last, let innerStride = strides.last else { return body(start) }
        var index = [Int](repeating: 0, count: shape.count)
        var at = start
        for _ in 0..<(total / inner) {
            for i in 0..<inner { body(at + i * innerStride * size) }
            // Counts the outer indices up by one, like an odometer.
            var axis = shape.count - 2
            while axis >= 0 {
                index[axis] += 1
                at += strides[axis] * size
                if index[axis] < shape[axis] { break }
                at -= strides[axis] * size * shape[axis]
                index[axis] = 0
                axis -= 1
            }
        }
    }

    private func bits<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
        let value = file.bytes.loadUnaligned(fromByteOffset: at, as: T.self)
        return isBigEndian ? T(bigEndian: value) : T(littleEndian: value)
    }

    private func float(_ at: Int) -> Float {
        switch type {
        case .float32: Float(bitPattern: bits(at, UInt32.self))
        case .bfloat16: Float(bitPattern: UInt32(bits(at, UInt16.self)) << 16)
        case .float16: Self.half(bits(at, UInt16.self))
        default: Float(double(at))
        }
    }

    private func double(_ at: Int) -> Double {
        switch type {
        case .float64: Double(bitPattern: bits(at, UInt64.self))
        case .float32, .bfloat16, .float16: Double(float(at))
        case .int64, .int32, .int16, .int8, .uint8, .bool: Double(integer(at) ?? 0)
        }
    }

    /// nil where the elements are floating-point numbers.
    private func integer(_ at: Int) -> Int64? {
        switch type {
        case .int64: bits(at, Int64.self)
        case .int32: Int64(bits(at, Int32.self))
        case .int16: Int64(bits(at, Int16.self))
        case .int8: Int64(bits(at, Int8.self))
        case .uint8, .bool: Int64(file.bytes[at])
        case .float32, .float16, .bfloat16, .float64: nil
        }
    }

    /// IEEE 754 binary16 to float32, exactly; written out because Float16 is not there on every processor.
    static func half(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10) & 0x1F
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0:
            let magnitude = Float(fraction) * 0x1p-24
            return Float(bitPattern: magnitude.bitPattern | sign)
        case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }
}
