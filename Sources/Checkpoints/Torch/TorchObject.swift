import Support

/// From an unpickled object to the named tensors of a state dict.
struct TorchObject {
    /// In the file's order, under the file's own names.
    private(set) var tensors: [(name: String, tensor: PickleTensor)] = []
    private(set) var notes: [String] = []
    private let choice: CheckpointKey?

    /// Throws `.unsupported` where no dictionary of tensors is found. `key`: what the weights are under, where that is asked
    /// for.
    init(_ root: PickleValue, file: FileContents, key: String? = nil) throws(CheckpointError) {
        if case .module(let module) = root {
            tensors = try Self.flatten(module, file)
            choice = key.map { CheckpointKey($0) }
            guard !tensors.isEmpty else {
                throw .unsupported(
                    file: file.name,
                    found: "a TorchScript program whose weights have lost their names (torch.jit.freeze)",
                    advice: "save the weights of the module before it: torch.save(model.state_dict(), FILE)")
            }
            notes.append("the weights of a TorchScript program; its code is neither read nor run")
            return
        }
        guard case .dictionary(let outermost) = root else {
            throw .unsupported(
                file: file.name, found: "the file holds no dictionary of tensors",
                advice: "save the weights with torch.save(model.state_dict(), FILE)")
        }
        var dictionary = outermost
        var choice = key.map { CheckpointKey($0) }
        if let key, let asked = outermost[key]?.dictionary {
            notes.append("the weights are under '\(key)', as --checkpoint-key asks")
            (dictionary, choice) = (asked, nil)
        }
        choice?.others = outermost.pairs.lazy.filter { pair in
            pair.value.dictionary.map { Self.tensorCount($0) > 0 } ?? false
        }.prefix(20).map(\.key)
        self.choice = choice
        // Trainers wrap the weights in a dictionary with the optimizer, the epoch and so on.
        for _ in 0..<4 {
            // A random state beside the weights is a tensor too.
            let found = CheckpointKey.wrappings.filter { key in
                dictionary[key]?.dictionary.map { Self.tensorCount($0) > dictionary.tensorCount } ?? false
            }
            guard let first = found.first, let inner = dictionary[first]?.dictionary else { break }
            notes.append(CheckpointKey.note(taken: first, others: found.dropFirst().first, of: dictionary))
            dictionary = inner
        }
        tensors = Self.tensors(in: dictionary)
        guard !tensors.isEmpty else {
            throw .unsupported(
                file: file.name,
                found: "no tensors were found; the dictionary holds "
                    + (dictionary.pairs.isEmpty
                        ? "nothing" : dictionary.pairs.prefix(5).map { "'\($0.key)'" }.joined(separator: ", ")),
                advice: "save the weights with torch.save(model.state_dict(), FILE)")
        }
    }

    /// The tensors in their storages, each of which is a byte range of the file, by key.
    func stored(
        in file: FileContents, _ storages: [String: Range<Int>], isBigEndian: Bool = false
    ) throws(CheckpointError) -> FoundTensors {
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
        return FoundTensors(tensors: stored, notes: notes, choice: choice)
    }

    /// Tensors in the dictionary itself or in what it wraps.
    private static func tensorCount(_ dictionary: PickleDictionary) -> Int {
        CheckpointKey.wrappings.reduce(dictionary.tensorCount) { most, key in
            max(most, dictionary[key]?.dictionary?.tensorCount ?? 0)
        }
    }

    private static func tensors(in dictionary: PickleDictionary) -> [(name: String, tensor: PickleTensor)] {
        dictionary.pairs.compactMap { pair in tensor(pair.value).map { (pair.key, $0) } }
    }

    private static func tensor(_ value: PickleValue) -> PickleTensor? {
        switch value {
        case .tensor(let tensor): tensor
        case .holder(let holder): holder.tensor
        default: nil
        }
    }

    /// The tensors of a TorchScript module and of the modules in it, under the names of a state dict.
    ///
    /// Modules may share one another, so what is visited is bounded. Throws `.damaged` for more than any network has.
    private static func flatten(
        _ root: PickleModule, _ file: FileContents
    ) throws(CheckpointError) -> [(name: String, tensor: PickleTensor)] {
        var found: [(name: String, tensor: PickleTensor)] = []
        var open: [(prefix: String, module: PickleModule)] = [("", root)]
        var visited = 0
        while let (prefix, module) = open.popLast() {
            var inner: [(prefix: String, module: PickleModule)] = []
            for (key, value) in module.attributes?.pairs ?? [] {
                visited += 1
                guard visited <= 200_000, prefix.utf8.count + key.utf8.count <= 1024 else {
                    throw file.damaged("the TorchScript program nests more modules than any network")
                }
                if let tensor = tensor(value) { found.append((prefix + key, tensor)) }
                if case .module(let module) = value { inner.append((prefix + key + ".", module)) }
            }
            open += inner.reversed()
        }
        return found
    }
}

/// What a container of torch or safetensors held.
struct FoundTensors {
    var tensors: [StoredTensor]
    var notes: [String] = []
    /// What was asked for and is no key of a dictionary; it may be the beginning of names.
    var choice: CheckpointKey?
}

/// Under which name the weights lie, where a file has several.
struct CheckpointKey {
    let name: String
    /// The names that there are instead.
    var others: [String] = []

    init(_ name: String) { self.name = name }

    /// Averages first, as timm's `load_checkpoint` has them (timm/models/_helpers.py, `load_state_dict`).
    static let averages = ["state_dict_ema", "model_ema", "ema_state_dict", "ema", "params_ema"]
    static let wrappings =
        averages + [
            "state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module", "student",
            "teacher",
        ]

    /// What is said of the choice of `key`; `others` is the next that there is in the dictionary.
    static func note(taken key: String, others: String?, of dictionary: PickleDictionary) -> String {
        // Lightning's WeightAveraging puts the average in the place of the weights.
        let isExchanged = key == "state_dict" && dictionary["averaging_state"] != nil
        guard averages.contains(key) || isExchanged else { return "the weights are under '\(key)'" }
        let others = isExchanged ? "current_model_state" : others
        return "the weights are the average (EMA) under '\(key)'"
            + (others.map { "; --checkpoint-key \($0) takes the others" } ?? "")
    }
}
