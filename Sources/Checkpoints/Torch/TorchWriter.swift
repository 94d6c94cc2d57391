import Support

/// Writes a state dict as torch.save does since PyTorch 1.6: a zip of one pickle and one raw file a storage.
///
/// `torch.load(path, weights_only=True)` reads it, and `load_state_dict(…, strict=True)` takes it: an OrderedDict of
/// contiguous float32 and int64 tensors, and nothing else.
package enum TorchWriter {
    /// Writes the entries in their order, atomically and durably. Throws `FileError.cannotWrite`; the file that was there stays.
    package static func write(_ entries: [SafetensorsWriter.Entry], to path: String) throws {
        try AtomicFile.write(to: path) { sink in
            var zip = ZipWriter()
            func add(_ name: String, _ bytes: [UInt8]) throws {
                try bytes.withUnsafeBytes { try zip.add("\(root)/\(name)", $0, to: sink) }
            }
            do {
                try add("data.pkl", try pickle(entries, path))
                try add("byteorder", Array("little".utf8))
                for (index, entry) in entries.enumerated() {
                    try entry.data.withUnsafeBytes { try zip.add("\(root)/data/\(index)", $0, to: sink) }
                }
                try add("version", Array("3\n".utf8))
                try zip.finish(to: sink)
            } catch is ZipWriter.Oversize {
                throw FileError.cannotWrite(file: path, reason: "a .pth of this kind ends at 4 GiB")
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
            try SafetensorsWriter.requireFit(entry, path)
            pickle.text(entry.name)
            pickle.global("torch._utils", "_rebuild_tensor_v2")
            pickle.mark()
            // The storage: ('storage', class, key, device, elements), looked up by the reader.
            pickle.mark()
            pickle.text("storage")
            pickle.global("torch", entry.data.type.storage)
            pickle.text(String(index))
            pickle.text("cpu")
            pickle.integer(entry.data.count)
            pickle.tuple()
            pickle.persistent()
            // Offset, shape, strides, requires_grad, hooks.
            pickle.integer(0)
            pickle.tuple(of: entry.shape)
            pickle.tuple(of: contiguousStrides(entry.shape))
            pickle.no()
            pickle.orderedDictionary()
            pickle.tuple()
            pickle.call()
        }
        pickle.setItems()
        pickle.stop()
        return pickle.bytes
    }
}

/// The few opcodes of pickle protocol 2 that a state dict needs. Source: CPython, Lib/pickletools.py.
private struct PickleBytes {
    private var output = LittleEndianBytes()
    var bytes: [UInt8] { output.bytes }

    init() { output.append([0x80, 2]) }

    mutating func mark() { output.append("(".utf8) }
    mutating func tuple() { output.append("t".utf8) }
    mutating func call() { output.append("R".utf8) }
    mutating func persistent() { output.append("Q".utf8) }
    mutating func setItems() { output.append("u".utf8) }
    mutating func stop() { output.append(".".utf8) }
    mutating func no() { output.append([0x89]) }

    mutating func global(_ module: String, _ name: String) { output.append("c\(module)\n\(name)\n".utf8) }

    mutating func orderedDictionary() {
        global("collections", "OrderedDict")
        output.append(")".utf8)
        call()
    }

    mutating func text(_ text: String) {
        output.append(UInt8(ascii: "X"), UInt32(text.utf8.count))
        output.append(text.utf8)
    }

    mutating func integer(_ value: Int) {
        if let small = UInt8(exactly: value) {
            output.append(UInt8(ascii: "K"), small)
        } else if let small = Int32(exactly: value) {
            output.append(UInt8(ascii: "J"), small)
        } else {
            output.append(0x8A as UInt8, 8 as UInt8, Int64(value))
        }
    }

    mutating func tuple(of values: [Int]) {
        mark()
        values.forEach { integer($0) }
        tuple()
    }
}
