import Foundation
import Network
import Testing

/// How much of a step OpenBLAS multiplies, counted inside cblas_sgemm by a preloaded library.
@Suite struct ProductCountTests {
    @Test func `at least a third of a full step's multiplications are OpenBLAS's`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Shims/count_products.c").path
        let library = harness.folder + "/count.so"
        let compiled = try harness.run(
            ["clang", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"],
            program: URL(fileURLWithPath: "/usr/bin/env"))
        try #require(compiled.code == 0, "\(compiled.error)")

        let batch = 8
        func products(steps: Int) throws -> UInt64 {
            let path = harness.folder + "/count-\(steps)"
            let result = try harness.run(
                ["bench", "--batch-size", "\(batch)", "--steps", "\(steps)", "--threads", "2"],
                environment: ["LD_PRELOAD": library, "COUNT_PRODUCTS": path])
            try #require(result.code == 0, "\(result.error)")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            return bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        }
        let ofAStep = Double(try products(steps: 3) - products(steps: 1)) / 2 / Double(batch)
        // Three passes of every convolution but conv1, whose input has no gradient; F(4×4, 3×3) takes 36 multiplications for a
        // tile of 4×4 outputs.
        let network = ResNet.resnet18
        let total = network.layers.reduce(0.0) { sum, layer in
            let output = network.output(of: layer, imageSize: 224)
            let tiles = (output.side + 3) / 4
            let positions =
                layer.kernel == 3 && layer.stride == 1
                ? 36 * tiles * tiles : layer.kernel * layer.kernel * output.side * output.side
            return sum + Double(positions * layer.inputs * layer.outputs) * (layer.role == .stem ? 2 : 3)
        }
        print("\(ofAStep / 1e9) of \(total / 1e9) billion multiplications an image in cblas_sgemm")
        #expect(ofAStep >= total / 3)
        // Blocks are padded, which costs little.
        #expect(ofAStep <= total * 1.05)
    }
}
