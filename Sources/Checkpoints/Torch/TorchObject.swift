import Support

/// From an unpickled object to the named tensors of a state dict.
struct TorchObject {
    /// In the file's order, under the file's own names.
    private(set) var tensors: [(name: String, tensor: PickleTensor)] = []
    private(set) var notes: [String] = []

    private static let wrappings = [
        "state_dict", "model_state_dict", "model", "net", "network", "weights", "ema", "model_ema", "student",
        "teacher",
    ]

    /// Throws `.unsupported` where no dictionary of tensors is found.
    init(_ root: PickleValue, file: String) throws(CheckpointError) {
        guard case .dictionary(var dictionary) = root else {
            throw .unsupported(
                file: file, found: "the file holds no dictionary of tensors",
                advice: "save the weights with torch.save(model.state_dict(), FILE)")
        }
        // Trainers wrap the weights in a dictionary with the optimizer, the epoch and so on.
        for _ in 0..<4 {
            guard
                let inner = Self.wrappings.lazy.compactMap({ key in
                    dictionary.pairs.first { $0.key == key && Self.isDictionary($0.value) }
                }).first, case .dictionary(let found) = inner.value,
                // A random state beside the weights is a tensor too.
                Self.tensors(in: found).count > Self.tensors(in: dictionary).count
                    || Self.tensors(in: dictionary).isEmpty
            else { break }
            notes.append("the weights are under '\(inner.key)'")
            dictionary = found
        }
        tensors = Self.tensors(in: dictionary)
        guard !tensors.isEmpty else {
            throw .unsupported(
                file: file,
                found: "no tensors were found; the dictionary holds "
                    + (dictionary.pairs.isEmpty
                        ? "nothing" : dictionary.pairs.prefix(5).map { "'\($0.key)'" }.joined(separator: ", ")),
                advice: "save the weights with torch.save(model.state_dict(), FILE)")
        }
    }

    /// The tensors in their storages, each of which is a byte range of the file, by key.
    func stored(
        in file: FileContents, _ storages: [String: Range<Int>], isBigEndian: Bool = false
    ) throws(CheckpointError) -> (tensors: [StoredTensor], notes: [String]) {
        var stored: [StoredTensor] = []
        for (name, tensor) in tensors {
            guard let range = storages[tensor.storage.key] else {
                throw file.damaged("the storage of tensor '\(name)' is missing")
            }
            let (offset, overflow) = tensor.offset.addingReportingOverflow(tensor.storage.viewOffset)
            guard !overflow else { throw file.damaged("the offset of '\(name)' is out of range") }
            stored.append(
                try StoredTensor(
                    name: name, type: tensor.storage.type, shape: tensor.shape, strides: tensor.strides, offset: offset,
                    storage: range, file: file, isBigEndian: isBigEndian))
        }
        return (stored, notes)
    }

    private static func isDictionary(_ value: PickleValue) -> Bool {
        if case .dictionary = value { true } else { false }
    }

    private static func tensors(in dictionary: PickleDictionary) -> [(name: String, tensor: PickleTensor)] {
        dictionary.pairs.compactMap { pair in
            switch pair.value {
            case .tensor(let tensor): (pair.key, tensor)
            case .holder(let holder): holder.tensor.map { (pair.key, $0) }
            default: nil
            }
        }
    }
}

/// Prefixes that frameworks put before a model's own names.
enum NamePrefix {
    private static let known = ["module.", "_orig_mod.", "backbone.", "model.", "resnet.", "encoder.", "net."]

    /// Takes prefixes off that at least nine names in ten carry (a head may stand outside of `backbone.`), one after the
    /// other, and says so. A name whose short form is taken already keeps its long one.
    static func strip(_ tensors: [StoredTensor]) -> (tensors: [StoredTensor], notes: [String]) {
        var tensors = tensors
        var notes: [String] = []
        while let prefix = known.first(where: { prefix in
            let carriers = tensors.filter { $0.name.hasPrefix(prefix) }.count
            return carriers > 0 && carriers * 10 >= tensors.count * 9
        }) {
            var taken = Set(tensors.map(\.name))
            for index in tensors.indices where tensors[index].name.hasPrefix(prefix) {
                let short = String(tensors[index].name.dropFirst(prefix.count))
                if short.isEmpty || taken.contains(short) { continue }
                taken.insert(short)
                tensors[index].name = short
            }
            notes.append("the prefix '\(prefix)' was taken off the names")
            if notes.count >= 4 { break }
        }
        return (tensors, notes)
    }
}
