import Support

/// The weights of a program that torch.export.save wrote (.pt2): a zip file with an entry of raw numbers for each, and JSON
/// that says which is which. Source: torch/export/pt2_archive/_package.py (`_package_state_dict`),
/// torch/_export/serde/schema.py (`PayloadConfig`, `TensorMeta`, `ScalarType`) of PyTorch 2.15.
enum TorchExportFile {
    /// `ScalarType` of the schema; other types are not read.
    private static let types: [Int: TensorType] = [
        1: .uint8, 2: .int8, 3: .int16, 4: .int32, 5: .int64, 6: .float16, 7: .float32, 8: .float64, 12: .bool,
        13: .bfloat16,
    ]

    /// nil where the archive is no exported program. Throws `.damaged` for a description that makes no sense, `.unsupported`
    /// for weights that are described in other ways.
    static func read(_ archive: ZipArchive, key: String?) throws(CheckpointError) -> FoundTensors? {
        let file = archive.file
        let names = archive.entries.keys.sorted()
        if names.contains(where: { $0.hasSuffix("serialized_state_dict.pt") }) {
            throw .unsupported(
                file: file.name, found: "a program in the older archive of torch.export.save",
                advice: "save its weights: torch.save(torch.export.load(FILE).state_dict, OTHER)")
        }
        let ending = "_weights_config.json"
        let configurations = names.filter { $0.hasSuffix(ending) && $0.contains("data/weights/") }
        guard let first = configurations.first else { return nil }
        guard configurations.count == 1 else {
            throw .unsupported(
                file: file.name, found: "it holds \(configurations.count) exported programs",
                advice: "save the weights of one: torch.save(program.state_dict, FILE)")
        }
        let folder = String(first[...(first.lastIndex(of: "/") ?? first.startIndex)])
        let root = String(folder.dropLast("data/weights/".count))
        let isBigEndian = try TorchZipFile.isBigEndian(archive, root)
        let range = try archive.verifiedRange(first)
        guard let json = try? JSON.parse(UnsafeRawBufferPointer(rebasing: file.bytes[range])),
            case .object(let entries)? = json["config"]
        else { throw file.damaged("'\(first)' is not the JSON of torch.export") }
        var tensors: [StoredTensor] = []
        var ranges: [String: Range<Int>] = [:]
        for (name, entry) in entries {
            guard let path = entry["path_name"]?.text, let meta = entry["tensor_meta"],
                let shape = integers(meta["sizes"]), let strides = integers(meta["strides"]),
                let offset = meta["storage_offset"]?["as_int"]?.int
            else { throw file.damaged("tensor '\(name)' is described wrongly in '\(first)'") }
            guard let type = meta["dtype"]?.int.flatMap({ types[$0] }), entry["use_pickle"]?.flag != true else {
                throw .unsupported(
                    file: file.name, found: "tensor '\(name)' is of a type that is not read",
                    advice: "save the weights as float32")
            }
            // Tensors may share an entry, whose checksum is computed once.
            let storage: Range<Int>
            if let known = ranges[path] { storage = known } else { storage = try archive.verifiedRange(folder + path) }
            ranges[path] = storage
            tensors.append(
                try StoredTensor(
                    name: name, type: type, shape: shape, strides: strides, offset: offset, storage: storage,
                    file: file,
                    isBigEndian: isBigEndian))
        }
        guard !tensors.isEmpty else {
            throw .unsupported(
                file: file.name, found: "the exported program holds no weights",
                advice: "save the weights with torch.save(model.state_dict(), FILE)")
        }
        return FoundTensors(
            tensors: tensors, notes: ["the weights of an exported program; its code is neither read nor run"],
            choice: key.map { CheckpointKey($0) })
    }

    /// `[{"as_int": 64}, …]`; nil for sizes that are known only when the program runs.
    private static func integers(_ list: JSON?) -> [Int]? {
        guard let items = list?.items else { return nil }
        let numbers = items.compactMap { $0["as_int"]?.int }
        return numbers.count == items.count ? numbers : nil
    }
}
