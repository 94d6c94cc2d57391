/// From the names that a file gives a ResNet's tensors to torchvision's: the one place that knows how others name them.
struct ForeignNames {
    /// torchvision's name of each tensor, in the order given; nil for one that is left out. Names that say nothing are kept.
    private(set) var names: [String?]
    /// What was recognised, in sentences.
    private(set) var notes: [String] = []
    /// Where networks were found: what their names begin with, without the last dot.
    private(set) var places: [String] = []
    /// Whether there is a network below what was asked for.
    private(set) var isFound = false

    /// A way of naming.
    private enum Scheme: CaseIterable {
        case torchvision, transformers, sequential

        /// The first convolution of the first block, by which a network is known.
        var anchor: String {
            switch self {
            case .torchvision: "layer1.0.conv1.weight"
            case .transformers: "encoder.stages.0.layers.0.layer.0.convolution.weight"
            case .sequential: "4.0.conv1.weight"
            }
        }

        /// Its first convolution of all.
        var stem: String {
            switch self {
            case .torchvision: "conv1.weight"
            case .transformers: "embedder.embedder.convolution.weight"
            case .sequential: "0.weight"
            }
        }

        var note: String? {
            switch self {
            case .torchvision: nil
            case .transformers: "the names are those of Hugging Face's ResNet, and became torchvision's"
            case .sequential: "the names are numbers (nn.Sequential of the layers), and became torchvision's"
            }
        }
    }

    /// Prefixes that frameworks put before a model's own names, taken off also where the model is no ResNet.
    private static let prefixes = ["module.", "_orig_mod.", "backbone.", "model.", "resnet.", "encoder.", "net."]

    /// More are not told apart: each name is held against each network.
    private static let maximumNetworks = 20

    /// `key`: takes the network whose names begin so, and no other.
    init(_ given: [String], below key: String? = nil) {
        names = given
        var networks: [(prefix: String, scheme: Scheme)] = []
        let all = Set(given)
        for scheme in Scheme.allCases {
            for name in given where name.hasSuffix(scheme.anchor) {
                let prefix = String(name.dropLast(scheme.anchor.count))
                guard prefix.isEmpty || prefix.hasSuffix("."), all.contains(prefix + scheme.stem) else { continue }
                if networks.count < Self.maximumNetworks { networks.append((prefix, scheme)) }
            }
        }
        places = networks.map { String($0.prefix.dropLast()) }.filter { !$0.isEmpty }
        let eligible = networks.filter { key == nil || $0.prefix.hasPrefix((key ?? "") + ".") }
        isFound = !eligible.isEmpty
        guard let chosen = Self.choice(of: eligible) else {
            if networks.isEmpty { stripPrefixes() }
            return
        }
        if key == nil, networks.count > 1 {
            let list = networks.map { $0.prefix.isEmpty ? "one without a prefix" : "'\($0.prefix)'" }
            notes.append(
                "the names are those of several networks (\(list.joined(separator: ", "))); "
                    + (Self.isAverage(chosen.prefix) ? "the average (EMA) is taken, and " : "")
                    + "--checkpoint-key chooses one")
        }
        if !chosen.prefix.isEmpty { notes.append(Self.note(prefix: chosen.prefix)) }
        if let note = chosen.scheme.note { notes.append(note) }
        if given.contains(where: { $0 == "n_averaged" || $0.hasSuffix(".n_averaged") }) {
            notes.append("the weights are an average (torch's AveragedModel)")
        }
        translate(chosen.prefix, chosen.scheme, others: networks.map(\.prefix).filter { $0 != chosen.prefix })
        findHead(isNumbered: chosen.scheme == .sequential || Self.isNumber(chosen.prefix.dropLast()))
    }

    private static func note(prefix: String) -> String { "the prefix '\(prefix)' was taken off the names" }

    private static func isAverage(_ prefix: String) -> Bool {
        prefix.split { $0 == "." || $0 == "_" }.contains("ema")
    }

    /// An average before what it is the average of, else the one without a prefix, else the first.
    private static func choice(of networks: [(prefix: String, scheme: Scheme)]) -> (prefix: String, scheme: Scheme)? {
        networks.first { isAverage($0.prefix) } ?? networks.first { $0.prefix.isEmpty } ?? networks.first
    }

    private static func isNumber(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.count <= 4 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private mutating func translate(_ prefix: String, _ scheme: Scheme, others: [String]) {
        let inside = names.map { $0?.hasPrefix(prefix) == true }
        var taken: Set<String> = []
        for (index, isInside) in inside.enumerated() where isInside {
            let own = names[index]?.dropFirst(prefix.count) ?? ""
            let name = Self.torchvision(own, scheme) ?? String(own)
            names[index] = taken.insert(name).inserted && name != "n_averaged" ? name : nil
        }
        for (index, isInside) in inside.enumerated() where !isInside {
            // The counter of torch.optim.swa_utils.AveragedModel, another network, or a second head.
            guard let name = names[index], name != "n_averaged", !name.hasSuffix(".n_averaged"),
                !others.contains(where: { name.hasPrefix($0) }), taken.insert(name).inserted
            else {
                names[index] = nil
                continue
            }
        }
    }

    /// nil where the scheme has no such name.
    private static func torchvision(_ name: Substring, _ scheme: Scheme) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let field = parts.last else { return nil }
        switch scheme {
        case .torchvision: return String(name)
        case .sequential:
            // conv1, bn1, relu, maxpool, layer1 to layer4, avgpool.
            switch parts[0] {
            case "0" where parts.count == 2: return "conv1.\(field)"
            case "1" where parts.count == 2: return "bn1.\(field)"
            case "4", "5", "6", "7":
                guard let stage = Int(parts[0]), parts.count > 2 else { return nil }
                return "layer\(stage - 3)." + parts.dropFirst().joined(separator: ".")
            default: return nil
            }
        case .transformers:
            func operation(_ kind: Substring, _ convolution: String, _ normalization: String) -> String? {
                kind == "convolution" ? convolution : kind == "normalization" ? normalization : nil
            }
            if name.hasPrefix("embedder.embedder."), parts.count == 4 {
                return operation(parts[2], "conv1", "bn1").map { "\($0).\(field)" }
            }
            if parts.count == 3, parts[0] == "classifier", parts[1] == "1" { return "fc.\(field)" }
            guard parts.count >= 8, parts[0] == "encoder", parts[1] == "stages", parts[3] == "layers",
                let stage = Int(parts[2]), (0...3).contains(stage), isNumber(parts[4])
            else { return nil }
            let block = "layer\(stage + 1).\(parts[4])."
            if parts.count == 8, parts[5] == "shortcut" {
                return operation(parts[6], "downsample.0", "downsample.1").map { "\(block)\($0).\(field)" }
            }
            guard parts.count == 9, parts[5] == "layer", let layer = Int(parts[6]), (0...2).contains(layer) else {
                return nil
            }
            return operation(parts[7], "conv\(layer + 1)", "bn\(layer + 1)").map { "\(block)\($0).\(field)" }
        }
    }

    /// The linear layer that stands in fc's place becomes fc. `isNumbered`: layers without a name are numbers.
    ///
    /// What else stands there has no weights where the layer is the only one: dropout, flattening. Several layers are a head
    /// that ResNet18 does not have.
    private mutating func findHead(isNumbered: Bool) {
        guard !names.contains("fc.weight") else { return }
        var layers: [String: Set<Substring>] = [:]
        for name in names.compactMap({ $0 }) {
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            guard let first = parts.first, let field = parts.last, parts.count >= 2,
                ["fc", "classifier", "head", "linear"].contains(first) || isNumbered && Self.isNumber(first)
            else { continue }
            layers[parts.dropLast().joined(separator: "."), default: []].insert(field)
        }
        guard let (layer, fields) = layers.min(by: { $0.key < $1.key }) else { return }
        guard layers.count == 1, fields == ["weight", "bias"] else {
            let list = layers.keys.sorted().prefix(4).map { "'\($0)'" }.joined(separator: ", ")
            notes.append("the head (\(list)) is not one linear layer, as ResNet18's fc is, and is left out")
            return
        }
        for index in names.indices where names[index] == "\(layer).weight" || names[index] == "\(layer).bias" {
            names[index] = names[index]?.hasSuffix(".bias") == true ? "fc.bias" : "fc.weight"
        }
        notes.append("the linear layer '\(layer)' is taken for fc")
    }

    /// Takes prefixes off that at least nine names in ten carry (a head may stand outside of `backbone.`), one after the
    /// other. A name whose short form is taken already keeps its long one.
    private mutating func stripPrefixes() {
        while let prefix = Self.prefixes.first(where: { prefix in
            let carriers = names.filter { $0?.hasPrefix(prefix) == true }.count
            return carriers > 0 && carriers * 10 >= names.count * 9
        }) {
            var taken = Set(names.compactMap { $0 })
            for index in names.indices {
                guard let name = names[index], name.hasPrefix(prefix) else { continue }
                let short = String(name.dropFirst(prefix.count))
                if !short.isEmpty, taken.insert(short).inserted { names[index] = short }
            }
            notes.append(Self.note(prefix: prefix))
            if notes.count >= 4 { break }
        }
    }
}
