import Glibc
import Support

/// Reads safetensors: u64 little-endian header length, JSON header, data. Offsets must begin at 0, follow one another
/// without gap or overlap, and end at the file's end. Source: huggingface/safetensors, README "Format".
enum SafetensorsFile {
    static let maximumHeader = 100_000_000

    /// Whether the file begins like one: a plausible length and then `{`.
    static func looksLikeOne(_ file: FileContents) -> Bool {
        guard file.bytes.count >= 9, let length = try? file.number(at: 0, width: 8) else { return false }
        return length >= 2 && length <= UInt64(maximumHeader) && file.bytes[8] == UInt8(ascii: "{")
    }

    static func read(_ file: FileContents) throws(CheckpointError) -> (
        tensors: [StoredTensor], metadata: [String: String]
    ) {
        let length = try file.number(at: 0, width: 8)
        guard length <= UInt64(maximumHeader), Int(length) <= file.bytes.count - 8 else {
            throw file.damaged("a header of \(length) bytes in a file of \(file.bytes.count)")
        }
        let dataStart = 8 + Int(length)
        let header: JSON
        do {
            // The format lets writers pad the header with blanks, to align the data.
            header = try JSON.parse(UnsafeRawBufferPointer(rebasing: file.bytes[8..<dataStart]))
        } catch {
            throw file.damaged("the header is no proper JSON: \(error.problem)")
        }
        guard case .object(let pairs) = header else { throw file.damaged("the header is no object") }
        var metadata: [String: String] = [:]
        var described: [(name: String, type: TensorType, shape: [Int], range: Range<Int>)] = []
        for (name, value) in pairs {
            guard case .object(let fields) = value else { throw file.damaged("the entry '\(name)' is no object") }
            if name == "__metadata__" {
                for (key, field) in fields {
                    guard case .string(let text) = field else { throw file.damaged("the metadata '\(key)' is no text") }
                    metadata[key] = text
                }
                continue
            }
            described.append(try tensor(name, fields, file: file, dataStart: dataStart))
        }
        try requireContiguous(described.map(\.range), dataStart: dataStart, file: file)
        var tensors: [StoredTensor] = []
        for entry in described {
            tensors.append(
                try StoredTensor(
                    name: entry.name, type: entry.type, shape: entry.shape, strides: contiguousStrides(entry.shape),
                    offset: 0, storage: entry.range, file: file))
        }
        return (tensors, metadata)
    }

    /// The metadata alone, of which only the header is read; nil where the file cannot be read, or is none of these.
    static func metadata(of path: String) -> [String: String]? {
        guard let (descriptor, size) = try? RegularFile.open(path) else { return nil }
        defer { close(descriptor) }
        func bytes(_ count: Int, at offset: Int) -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: count)
            let read = buffer.withUnsafeMutableBytes { readAll(into: $0, from: descriptor, at: offset).count }
            return read == count ? buffer : nil
        }
        guard let number = bytes(8, at: 0) else { return nil }
        let length = number.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(min(maximumHeader, max(0, size - 8))), let text = bytes(Int(length), at: 8) else {
            return nil
        }
        let header = text.withUnsafeBytes { try? JSON.parse($0) }
        return header?["__metadata__"].flatMap([String: String].from)
    }

    private static func tensor(
        _ name: String, _ fields: [(String, JSON)], file: FileContents, dataStart: Int
    ) throws(CheckpointError) -> (name: String, type: TensorType, shape: [Int], range: Range<Int>) {
        func damaged(_ problem: String) -> CheckpointError { file.damaged("tensor '\(name)' \(problem)") }
        func field(_ key: String) -> JSON? { JSON.object(fields)[key] }
        func integers(_ key: String) -> [Int]? {
            guard let values = field(key)?.items else { return nil }
            let numbers = values.compactMap(\.int)
            return numbers.count == values.count ? numbers : nil
        }
        guard case .string(let typeName)? = field("dtype") else { throw damaged("has no dtype") }
        guard let type = TensorType(safetensors: typeName) else {
            throw .unsupported(
                file: file.name, found: "tensor '\(name)' has the type \(typeName)",
                advice: "save it as F32, F16 or BF16")
        }
        guard let shape = integers("shape"), shape.count <= 64, shape.allSatisfy({ $0 >= 0 }) else {
            throw damaged("has no proper shape")
        }
        guard let offsets = integers("data_offsets"), offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1],
            offsets[1] <= file.bytes.count - dataStart
        else { throw damaged("lies outside the file") }
        var bytes = type.byteCount
        for size in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
            guard !overflow else { throw damaged("is larger than any memory") }
            bytes = product
        }
        guard bytes == offsets[1] - offsets[0] else {
            throw damaged("has \(offsets[1] - offsets[0]) bytes, and its shape needs \(bytes)")
        }
        return (name, type, shape, (dataStart + offsets[0])..<(dataStart + offsets[1]))
    }

    private static func requireContiguous(
        _ ranges: [Range<Int>], dataStart: Int, file: FileContents
    ) throws(CheckpointError) {
        var at = dataStart
        for range in ranges.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
            guard range.lowerBound == at else { throw file.damaged("the tensors' bytes overlap or leave a gap") }
            at = range.upperBound
        }
        guard at == file.bytes.count else { throw file.damaged("\(file.bytes.count - at) bytes belong to no tensor") }
    }
}
