import Support

/// Writes safetensors files that any reader of the format takes.
package enum SafetensorsWriter {
    package struct Entry: Sendable {
        package enum Elements: Sendable {
            case floats([Float])
            case integers([Int64])
            case bytes([UInt8])

            var count: Int {
                switch self {
                case .floats(let values): values.count
                case .integers(let values): values.count
                case .bytes(let values): values.count
                }
            }

            /// The type's names in safetensors and in torch, and the bytes of one element.
            var type: (safetensors: String, storage: String, byteCount: Int) {
                switch self {
                case .floats: ("F32", "FloatStorage", 4)
                case .integers: ("I64", "LongStorage", 8)
                case .bytes: ("U8", "ByteStorage", 1)
                }
            }

            func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
                switch self {
                case .floats(let values): try values.withUnsafeBytes(body)
                case .integers(let values): try values.withUnsafeBytes(body)
                case .bytes(let values): try values.withUnsafeBytes(body)
                }
            }
        }

        package let name: String
        package let shape: [Int]
        package let data: Elements

        /// The product of `shape` must be the number of elements; `write` refuses what is not.
        package init(name: String, shape: [Int], data: Elements) {
            self.name = name
            self.shape = shape
            self.data = data
        }
    }

    /// Writes the entries atomically and durably. Throws `FileError.cannotWrite`, or what `beforeReplacing` throws; the file
    /// that was there stays.
    package static func write(
        _ entries: [Entry], metadata: [String: String] = [:], to path: String,
        systemWrite: @escaping AtomicFile.SystemWrite = AtomicFile.systemWrite, beforeReplacing: () throws -> Void = {}
    ) throws {
        let header = try header(entries, metadata, path)
        try AtomicFile.write(to: path, systemWrite: systemWrite, beforeReplacing: beforeReplacing) { sink in
            try header.withUnsafeBytes { try sink($0) }
            for entry in entries { try entry.data.withUnsafeBytes(sink) }
        }
    }

    /// Refuses a shape that does not fit.
    static func requireFit(_ entry: Entry, _ path: String) throws {
        guard entry.shape.reduce(1, *) == entry.data.count else {
            throw FileError.cannotWrite(file: path, reason: "the shape of '\(entry.name)' does not fit its elements")
        }
    }

    /// Length and JSON, padded with blanks so that the data begin at a multiple of 8.
    private static func header(_ entries: [Entry], _ metadata: [String: String], _ path: String) throws -> [UInt8] {
        var fields: [(String, JSON)] = []
        if !metadata.isEmpty { fields.append(("__metadata__", metadata.mapValues(JSON.string).json)) }
        var offset = 0
        for entry in entries {
            try requireFit(entry, path)
            let end = offset + entry.data.count * entry.data.type.byteCount
            let description: [(String, JSON)] = [
                ("dtype", .string(entry.data.type.safetensors)), ("shape", entry.shape.json),
                ("data_offsets", [offset, end].json),
            ]
            fields.append((entry.name, .object(description)))
            offset = end
        }
        var text = Array(JSON.object(fields).line.utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }
}
