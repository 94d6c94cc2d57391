import Support

/// The container that a checkpoint came in.
package enum CheckpointFormat: String, Sendable {
    case torchZip, torchLegacy, torchTar, torchScript, torchExport, safetensors
}

/// The named tensors of a file, not yet converted. Nothing in the file is ever executed.
package struct Checkpoint: Sendable {
    package let path: String
    package let format: CheckpointFormat
    /// In the file's order, under torchvision's names where the file's are known (`ForeignNames`).
    package let tensors: [StoredTensor]
    /// A safetensors file's `__metadata__`.
    package let metadata: [String: String]
    /// What was recognised and taken off, in sentences.
    package let notes: [String]
    private let index: [String: Int]

    package subscript(name: String) -> StoredTensor? { index[name].map { tensors[$0] } }

    /// Opens a file by what it holds, never by its ending. `key`: where the weights lie in it, a key of its dictionary or
    /// the beginning of names; nil takes what docs/checkpoints.md says. Throws `CheckpointError`.
    package static func open(_ path: String, key: String? = nil) throws(CheckpointError) -> Checkpoint {
        let file: FileContents
        // Larger files are not a ResNet18's; they are mapped, so that `inspect` can say what is in them.
        do { file = try FileContents(Array(path.utf8), name: path, mapsAbove: 256 << 20) } catch { throw .file(error) }
        guard !file.bytes.isEmpty else { throw .notACheckpoint(file: path, found: "the file is empty") }
        if file.begins(with: [0x50, 0x4B, 0x03, 0x04]) {
            let (format, found) = try TorchZipFile.read(file, key: key)
            return try Checkpoint(file, format, found)
        }
        if file.begins(with: TorchLegacyFile.magic) {
            return try Checkpoint(file, .torchLegacy, try TorchLegacyFile.read(file, key: key))
        }
        if TorchTarFile.isTar(file) { return try Checkpoint(file, .torchTar, try TorchTarFile.read(file, key: key)) }
        if SafetensorsFile.looksLikeOne(file) {
            let (tensors, metadata) = try SafetensorsFile.read(file)
            let found = FoundTensors(tensors: tensors, choice: key.map { CheckpointKey($0) })
            return try Checkpoint(file, .safetensors, found, metadata: metadata)
        }
        // A bare pickle is refused for what it asks, where it asks for something.
        if file.bytes[0] == 0x80 {
            let arena = PickleArena()
            var unpickler = Unpickler(file, range: 0..<file.bytes.count, arena: arena)
            _ = try unpickler.load()
        }
        throw .notACheckpoint(file: path, found: describe(file))
    }

    /// The `__metadata__` of a safetensors file, however large, without reading its tensors; nil where there is none.
    package static func metadata(ofSafetensors path: String) -> [String: String]? { SafetensorsFile.metadata(of: path) }

    private init(
        _ file: FileContents, _ format: CheckpointFormat, _ read: FoundTensors, metadata: [String: String] = [:]
    ) throws(CheckpointError) {

        let foreign = ForeignNames(read.tensors.map(\.name), below: read.choice?.name)
        if let key = read.choice, !foreign.isFound {
            throw .missingKey(file: file.name, key: key.name, others: key.others + foreign.places)
        }
        path = file.name
        self.format = format
        tensors = zip(read.tensors, foreign.names).compactMap { tensor, name in
            guard let name else { return nil }
            var tensor = tensor
            tensor.name = name
            return tensor
        }
        self.metadata = metadata
        notes = read.notes + foreign.notes
        index = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What a file that is no checkpoint seems to be.
    private static func describe(_ file: FileContents) -> String {
        let known: [([UInt8], String)] = [
            ([0xFF, 0xD8, 0xFF], "a JPEG picture"), ([0x89, 0x50, 0x4E, 0x47], "a PNG picture"),
            ([0x1F, 0x8B], "a gzip file; unpack it first"),
            (Array("version https://git-lfs".utf8), "a pointer of git-lfs, not the file itself; run git lfs pull"),
            (Array("<".utf8), "a web page; the download went wrong"), (Array("{".utf8), "JSON text"),
            ([0x89, 0x48, 0x44, 0x46], "an HDF5 file (Keras?)"), ([0x80], "a pickle without torch's magic number"),
            ([0x08], "perhaps an ONNX file"),
        ]
        for (prefix, name) in known where file.begins(with: prefix) { return name }
        let first = file.bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: " ")
        return "it begins with the bytes \(first)"
    }
}

extension FileContents {
    /// Whether the file begins with `prefix`.
    func begins(with prefix: [UInt8]) -> Bool { bytes.prefix(prefix.count).elementsEqual(prefix) }

    func damaged(_ problem: String) -> CheckpointError { .damaged(file: name, problem: problem) }

    /// A little-endian number of `width` bytes at `offset`; throws `.damaged` beyond the end.
    func number(at offset: Int, width: Int) throws(CheckpointError) -> UInt64 {
        guard let number = bytes.number(at: offset, width: width) else {
            throw damaged("it ends in the middle of a field at byte \(offset)")
        }
        return number
    }
}
