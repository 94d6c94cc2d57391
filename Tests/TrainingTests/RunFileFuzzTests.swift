import FuzzSupport
import Foundation
import Testing

import Training

/// Spoiled run.json and metrics.jsonl end in an error or in options that are checked, never in a crash.
@Suite struct RunFileFuzzTests {
    @Test func `run json and metrics`() throws {
        var options = RunOptions()
        options.recipe.rateRules = [RateRule(pattern: "layer4", rate: 1e-4)]
        options.freezeRules = [FreezeRule(pattern: "bn", frozen: true)]
        let corpus = [
            "{\"options\":\(options.record.line),\"classes\":[\"a\",\"b\"]}",
            #"{"kind":"step","step":1,"epoch":1,"loss":0.71,"accuracy":0.5,"learningRate":0.001,"gradientNorms":{"fc.bias":3e-2}}"#,
            #"{"kind":"freeze","step":12,"trainable":["layer4.0.conv1.weight","fc.bias"],"deep":[[[[[[{}]]]]]]}"#,
        ].map { Array($0.utf8) }
        var (read, refused) = (0, 0)
        Mutator(corpus).run("json", count: Mutator.count(otherwise: 2000)) { bytes in
            guard let json = JSON.parse(Data(bytes)) else {
                refused += 1
                return
            }
            read += 1
            if let recorded = (json["options"] ?? json).keys.flatMap({ _ in RunOptions(json: json["options"] ?? json) })
            {
                _ = try? recorded.validate()
            }
            _ = JSON.parse(Data(json.line.utf8))
        }
        #expect(read > 0 && refused > 0)
    }
}
