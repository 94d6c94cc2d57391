import Foundation
import Support
import Testing

@testable import Checkpoints

/// The names of torchvision's ResNet18 in the order of its state dict.
let torchvisionNames: [String] = {
    let norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    var names = ["conv1.weight"] + norm.map { "bn1.\($0)" }
    for stage in 1...4 {
        for block in 0...1 {
            let prefix = "layer\(stage).\(block)."
            for layer in 1...2 {
                names.append("\(prefix)conv\(layer).weight")
                names += norm.map { "\(prefix)bn\(layer).\($0)" }
            }
            guard stage > 1, block == 0 else { continue }
            names.append("\(prefix)downsample.0.weight")
            names += norm.map { "\(prefix)downsample.1.\($0)" }
        }
    }
    return names + ["fc.weight", "fc.bias"]
}()

private let body = Array(torchvisionNames.dropLast(2))
private let head = Array(torchvisionNames.suffix(2))

/// As nn.Sequential(*children) names them.
private let numbered = body.map { name in
    let parts = name.split(separator: ".", maxSplits: 1)
    let rows = ["conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"]
    return "\(rows[String(parts[0])] ?? "?").\(parts[1])"
}

@Suite struct ForeignNamesTests {
    @Test func `torchvision's own names stay, and nothing is said of them`() {
        let names = ForeignNames(torchvisionNames)
        #expect(names.names == torchvisionNames)
        #expect(names.notes.isEmpty && names.places.isEmpty && names.isFound)
    }

    @Test(arguments: ["model.", "net.", "backbone.", "module._orig_mod.", "a.name.of.its.own.", "resnet.encoder."])
    func `any prefix is taken off and said`(_ prefix: String) {
        let names = ForeignNames(torchvisionNames.map { prefix + $0 } + ["criterion.weight"])
        #expect(names.names == torchvisionNames + ["criterion.weight"])
        #expect(names.notes == ["the prefix '\(prefix)' was taken off the names"])
        #expect(names.places == [String(prefix.dropLast())])
    }

    @Test func `a counter of averages is left out, and the weights are said to be an average`() {
        let names = ForeignNames(["n_averaged"] + torchvisionNames.map { "module." + $0 })
        #expect(names.names == [nil] + torchvisionNames)
        #expect(names.notes.contains { $0.contains("AveragedModel") })
    }

    @Test(arguments: [
        ["fc.1.weight", "fc.1.bias"], ["fc.0.weight", "fc.0.bias"], ["classifier.weight", "classifier.bias"],
        ["head.weight", "head.bias"],
    ])
    func `one linear layer in fc's place is fc`(_ layer: [String]) {
        let names = ForeignNames(body + layer)
        #expect(names.names == torchvisionNames)
        #expect(names.notes.joined().contains("'\(layer[0].dropLast(7))' is taken for fc"))
    }

    @Test(arguments: [
        ["fc.0.weight", "fc.0.bias", "fc.2.weight", "fc.2.bias"], ["fc.1.weight"],
        ["fc.0.weight", "fc.0.bias", "fc.0.running_mean"],
    ])
    func `a head of another form is left alone, and said`(_ layers: [String]) {
        let names = ForeignNames(body + layers)
        #expect(names.names == body + layers)
        #expect(names.notes.joined().contains("not one linear layer"))
    }

    @Test func `a head beside the network does not take the place of its fc`() {
        let inside = torchvisionNames.map { "model." + $0 }
        #expect(
            ForeignNames(inside + ["head.weight", "head.bias"]).names == torchvisionNames + [
                "head.weight", "head.bias",
            ])
        #expect(ForeignNames(inside + head).names == torchvisionNames + [nil, nil])
    }

    @Test func `numbers of a Sequential become names, alone, with a head, and below a number`() {
        #expect(ForeignNames(numbered).names == body)
        #expect(ForeignNames(numbered + ["10.weight", "10.bias"]).names == torchvisionNames)
        #expect(ForeignNames(numbered.map { "0." + $0 } + ["1.weight", "1.bias"]).names == torchvisionNames)
        #expect(ForeignNames(body.map { "0." + $0 } + ["1.1.weight", "1.1.bias"]).names == torchvisionNames)
        let fastai = ["1.2.weight", "1.2.running_mean", "1.4.weight", "1.8.weight"]
        let names = ForeignNames(numbered.map { "0." + $0 } + fastai)
        #expect(names.names == body + fastai)
        #expect(names.notes.joined().contains("'1.2', '1.4', '1.8'"))
    }

    @Test func `the names of transformers become torchvision's`() throws {
        let lines = try String(contentsOfFile: fixturePath("foreign/transformers_names.txt"), encoding: .utf8)
        let pairs = lines.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(pairs.count == torchvisionNames.count && Set(pairs.map { $0[1] }) == Set(torchvisionNames))
        let names = ForeignNames(pairs.map { $0[0] })
        #expect(names.names == pairs.map { $0[1] })
        #expect(names.notes.joined().contains("Hugging Face"))
        // ResNetModel's files have neither the prefix nor the head.
        let bare = pairs.filter { $0[0].hasPrefix("resnet.") }
        #expect(ForeignNames(bare.map { String($0[0].dropFirst(7)) }).names == bare.map { $0[1] })
    }

    @Test func `of several networks an average is taken, else the first, and a key chooses`() {
        let two = torchvisionNames.map { "student." + $0 } + torchvisionNames.map { "teacher." + $0 }
        let nothing = [String?](repeating: nil, count: torchvisionNames.count)
        #expect(ForeignNames(two).names == torchvisionNames + nothing)
        #expect(ForeignNames(two).notes.joined().contains("'student.', 'teacher.'"))
        let asked = ForeignNames(two, below: "teacher")
        #expect(asked.names == nothing + torchvisionNames && asked.isFound)
        #expect(!ForeignNames(two, below: "teach").isFound)
        #expect(ForeignNames(two, below: "other").places == ["student", "teacher"])
        let average = torchvisionNames.map { "model." + $0 } + torchvisionNames.map { "ema_model.module." + $0 }
        #expect(ForeignNames(average).names == nothing + torchvisionNames)
        #expect(ForeignNames(average).notes.joined().contains("average (EMA) is taken"))
        let moments = torchvisionNames.map { "momentum." + $0 }
        #expect(ForeignNames(moments + torchvisionNames).names == moments + torchvisionNames)
        let thousands = (0..<20_000).flatMap { ["\($0).conv1.weight", "\($0).layer1.0.conv1.weight"] }
        #expect(ForeignNames(thousands).places.count == 20)
    }

    @Test func `what is no ResNet keeps its names, without the prefixes that frameworks put before them`() {
        #expect(ForeignNames(["module.model.a", "module.model.b"]).names == ["a", "b"])
        #expect(ForeignNames(["features.0.weight", "1.bias", "", ".", "layer1.0.conv1.weight"]).names.count == 5)
        #expect(ForeignNames(["4.0.conv1.weight", "0.weight", "0.", "4.", "7..", "9.weight"]).names.count == 6)
        let odd = ["encoder.stages.0.layers.0.layer.0.convolution.weight", "embedder.embedder.convolution.weight"]
        for name in [
            "encoder.stages.99999999999999999999.layers.0.layer.0.convolution.weight", "encoder.stages.", "...",
        ] {
            #expect(ForeignNames(odd + [name]).names == ["layer1.0.conv1.weight", "conv1.weight", name])
        }
    }
}
