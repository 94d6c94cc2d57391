import Support

/// The nodes and weights of an ONNX graph while it is being put together. Field numbers are those of onnx.proto3.
struct OnnxGraph {
    enum Attribute {
        case integer(Int)
        case integers([Int])
    }

    private var nodes: [[UInt8]] = []
    private var initialisers: [[UInt8]] = []

    /// Adds a node with one output, named like itself, and returns that name.
    mutating func node(
        _ kind: String, _ inputs: [String], output: String, attributes: [(name: String, value: Attribute)] = []
    ) -> String {
        var node = ProtobufMessage()
        inputs.forEach { node.text(1, $0) }
        node.text(2, output)
        node.text(3, output)
        node.text(4, kind)
        for (name, value) in attributes {
            node.message(5) { attribute in
                attribute.text(1, name)
                switch value {
                case .integer(let number):
                    attribute.integer(3, number)
                    attribute.integer(20, 2)
                case .integers(let numbers):
                    numbers.forEach { attribute.integer(8, $0) }
                    attribute.integer(20, 7)
                }
            }
        }
        nodes.append(node.bytes)
        return output
    }

    /// Adds float32 weights and returns their name.
    mutating func weights(_ name: String, shape: [Int], _ values: [Float]) -> String {
        var tensor = ProtobufMessage()
        shape.forEach { tensor.integer(1, $0) }
        tensor.integer(2, 1)
        tensor.text(8, name)
        tensor.data(9, values.withUnsafeBytes { Array($0) })
        initialisers.append(tensor.bytes)
        return name
    }

    /// The model around the graph: opset 17, with sizes of inputs and outputs where a number is fixed, a name where not.
    func model(
        name: String, producerVersion: String, inputs: [(String, [Size])], outputs: [(String, [Size])],
        metadata: [(String, String)]
    ) -> [UInt8] {
        var model = ProtobufMessage()
        model.integer(1, 8)
        model.text(2, "frostline")
        model.text(3, producerVersion)
        model.message(7) { graph in
            nodes.forEach { graph.data(1, $0) }
            graph.text(2, name)
            initialisers.forEach { graph.data(5, $0) }
            for (name, shape) in inputs { graph.message(11) { Self.describe(name, shape, &$0) } }
            for (name, shape) in outputs { graph.message(12) { Self.describe(name, shape, &$0) } }
        }
        model.message(8) { opset in
            opset.text(1, "")
            opset.integer(2, 17)
        }
        for (key, value) in metadata {
            model.message(14) { entry in
                entry.text(1, key)
                entry.text(2, value)
            }
        }
        return model.bytes
    }

    enum Size {
        case fixed(Int)
        case named(String)
    }

    private static func describe(_ name: String, _ shape: [Size], _ info: inout ProtobufMessage) {
        info.text(1, name)
        info.message(2) { type in
            type.message(1) { tensor in
                tensor.integer(1, 1)
                tensor.message(2) { dimensions in
                    for size in shape {
                        dimensions.message(1) { dimension in
                            switch size {
                            case .fixed(let count): dimension.integer(1, count)
                            case .named(let name): dimension.text(2, name)
                            }
                        }
                    }
                }
            }
        }
    }
}
