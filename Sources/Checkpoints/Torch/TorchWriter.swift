import Support

/// Writes a state dict as torch.save does since PyTorch 1.6: a zip of one pickle and one raw file a storage.
///
/// `torch.load(path, weights_only=True)` reads it, and `load_state_dict(…, strict=True)` takes it: an OrderedDict of
/// contiguous float32 and int64 tensors, and nothing else.
package enum TorchWriter {
    /// Writes the entries in their order, atomically and durably. Throws `FileError.cannotWrite`; the file that was there stays.
    package static func write(_ entries: [SafetensorsWriter.Entry], to path: String) throws {
        try AtomicFile.write(to: path) { sink in
            // The sink outlives neither this closure nor the writer in it.
            try withoutActuallyEscaping(sink) { sink in
                var zip = ZipWriter(sink)
                func add(_ name: String, _ bytes: [UInt8]) throws {
                    try bytes.withUnsafeBytes { try zip.add("\(root)/\(name)", $0) }
                }
                do {
                    try add("data.pkl", try pickle(entries, path))
                    try add("byteorder", Array("little".utf8))
                    for (index, entry) in entries.enumerated() {
                        let name = "\(root)/data/\(index)"
                        switch entry.data {
                        case .floats(let values): try values.withUnsafeBytes { try zip.add(name, $0) }
                        case .integers(let values): try values.withUnsafeBytes { try zip.add(name, $0) }
                        case .bytes(let values): try values.withUnsafeBytes { try zip.add(name, $0) }
                        }
                    }
                    try add("version", Array("3\n".utf8))
                    try zip.finish()
                } catch is ZipWriter.Oversize {
                    throw FileError.cannotWrite(file: path, reason: "a .pth of this kind ends at 4 GiB")
                }
            }
        }
    }

    /// Every entry lies in a folder; its name is free.
    private static let root = "resnet18"

    private static func pickle(_ entries: [SafetensorsWriter.Entry], _ path: String) throws -> [UInt8] {
        var pickle = PickleBytes()
        pickle.orderedDictionary()
        pickle.mark()
        for (index, entry) in entries.enumerated() {
            guard entry.shape.reduce(1, *) == entry.data.count else {
                throw FileError.cannotWrite(
                    file: path, reason: "the shape of '\(entry.name)' does not fit its elements")
            }
            pickle.text(entry.name)
            pickle.global("torch._utils", "_rebuild_tensor_v2")
            pickle.mark()
            // The storage: ('storage', class, key, device, elements), looked up by the reader.
            pickle.mark()
            pickle.text("storage")
            pickle.global("torch", entry.data.storageClass)
            pickle.text(String(index))
            pickle.text("cpu")
            pickle.integer(entry.data.count)
            pickle.tuple()
            pickle.persistent()
            // Offset, shape, strides, requires_grad, hooks.
            pickle.integer(0)
            pickle.tuple(of: entry.shape)
            pickle.tuple(of: strides(entry.shape))
            pickle.no()
            pickle.orderedDictionary()
            pickle.tuple()
            pickle.call()
        }
        pickle.setItems()
        pickle.stop()
        return pickle.bytes
    }

    private static func strides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * max(1, shape[axis + 1]) }
        return strides
    }
}

extension SafetensorsWriter.Entry.Elements {
    var count: Int {
        switch self {
        case .floats(let values): values.count
        case .integers(let values): values.count
        case .bytes(let values): values.count
        }
    }

    fileprivate var storageClass: String {
        switch self {
        case .floats: "FloatStorage"
        case .integers: "LongStorage"
        case .bytes: "ByteStorage"
        }
    }
}

/// The few opcodes of pickle protocol 2 that a state dict needs. Source: CPython, Lib/pickletools.py.
private struct PickleBytes {
    private(set) var bytes: [UInt8] = [0x80, 2]

    mutating func mark() { bytes.append(UInt8(ascii: "(")) }
    mutating func tuple() { bytes.append(UInt8(ascii: "t")) }
    mutating func call() { bytes.append(UInt8(ascii: "R")) }
    mutating func persistent() { bytes.append(UInt8(ascii: "Q")) }
    mutating func setItems() { bytes.append(UInt8(ascii: "u")) }
    mutating func stop() { bytes.append(UInt8(ascii: ".")) }
    mutating func no() { bytes.append(0x89) }

    mutating func global(_ module: String, _ name: String) { bytes += Array("c\(module)\n\(name)\n".utf8) }

    mutating func orderedDictionary() {
        global("collections", "OrderedDict")
        bytes.append(UInt8(ascii: ")"))
        call()
    }

    mutating func text(_ text: String) {
        var part = LittleEndianBytes()
        part.append([UInt8(ascii: "X")])
        part.append(UInt32(text.utf8.count))
        part.append(text.utf8)
        bytes += part.bytes
    }

    mutating func integer(_ value: Int) {
        var part = LittleEndianBytes()
        if let small = UInt8(exactly: value) {
            part.append([UInt8(ascii: "K"), small])
        } else if let small = Int32(exactly: value) {
            part.append([UInt8(ascii: "J")])
            part.append(small)
        } else {
            part.append([0x8A, 8])
            part.append(Int64(value))
        }
        bytes += part.bytes
    }

    mutating func tuple(of values: [Int]) {
        mark()
        values.forEach { integer($0) }
        tuple()
    }
}
