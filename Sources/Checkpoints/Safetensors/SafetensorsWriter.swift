import Support

/// Writes safetensors files that any reader of the format takes.
package enum SafetensorsWriter {
    package struct Entry: Sendable {
        package enum Elements: Sendable {
            case floats([Float])
            case integers([Int64])
            case bytes([UInt8])

            var type: String {
                switch self {
                case .floats: "F32"
                case .integers: "I64"
                case .bytes: "U8"
                }
            }

            var byteCount: Int {
                switch self {
                case .floats(let values): values.count * 4
                case .integers(let values): values.count * 8
                case .bytes(let values): values.count
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

    /// Writes the entries atomically and durably. Throws `FileError.cannotWrite`; the file that was there stays.
    package static func write(
        _ entries: [Entry], metadata: [String: String] = [:], to path: String,
        systemWrite: @escaping AtomicFile.SystemWrite = AtomicFile.systemWrite
    ) throws {
        let header = try header(entries, metadata, path)
        try AtomicFile.write(to: path, systemWrite: systemWrite) { sink in
            try header.withUnsafeBytes { try sink($0) }
            for entry in entries {
                switch entry.data {
                case .floats(let values): try values.withUnsafeBytes { try sink($0) }
                case .integers(let values): try values.withUnsafeBytes { try sink($0) }
                case .bytes(let values): try values.withUnsafeBytes { try sink($0) }
                }
            }
        }
    }

    /// Length and JSON, padded with blanks so that the data begin at a multiple of 8.
    private static func header(
        _ entries: [Entry], _ metadata: [String: String], _ path: String
    ) throws -> [UInt8] {
        var parts: [String] = []
        if !metadata.isEmpty {
            let fields = metadata.sorted { $0.key < $1.key }.map {
                JSON.quoted($0.key) + ":" + JSON.quoted($0.value)
            }
            parts.append("\"__metadata__\":{" + fields.joined(separator: ",") + "}")
        }
        var offset = 0
        for entry in entries {
            let bytes = entry.data.byteCount
            guard entry.shape.reduce(1, *) * (bytes == 0 ? 1 : elementSize(entry.data)) == bytes else {
                throw FileError.cannotWrite(
                    file: path, reason: "the shape of '\(entry.name)' does not fit its elements")
            }
            parts.append(
                "\(JSON.quoted(entry.name)):{\"dtype\":\"\(entry.data.type)\",\"shape\":"
                    + "[\(entry.shape.map(String.init).joined(separator: ","))],\"data_offsets\":[\(offset),\(offset + bytes)]}"
            )
            offset += bytes
        }
        var text = Array(("{" + parts.joined(separator: ",") + "}").utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    private static func elementSize(_ data: Entry.Elements) -> Int {
        switch data {
        case .floats: 4
        case .integers: 8
        case .bytes: 1
        }
    }
}
