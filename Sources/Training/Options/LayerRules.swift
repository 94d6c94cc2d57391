import Support

/// One `--freeze` or `--unfreeze`, in the order in which they were given.
package struct FreezeRule: Sendable, Equatable, JSONObject {
    package var pattern: String
    package var frozen: Bool

    package init(pattern: String, frozen: Bool) {
        self.pattern = pattern
        self.frozen = frozen
    }

    package static let blank = FreezeRule(pattern: "", frozen: true)
    package static let fields: [JSONField<FreezeRule>] = [
        JSONField("pattern", \.pattern, isRequired: true), JSONField("frozen", \.frozen),
    ]
}

/// One `--lr PATTERN=VALUE`: a learning rate of its own for the parameters that the pattern matches.
package struct RateRule: Sendable, Equatable, JSONObject {
    package var pattern: String
    package var rate: Double

    package init(pattern: String, rate: Double) {
        self.pattern = pattern
        self.rate = rate
    }

    /// Throws `TrainingError.option` where it is not PATTERN=VALUE.
    package init(_ text: String) throws {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let rate = Double(parts[1]) else {
            throw TrainingError.option("--lr", found: text, expected: "PATTERN=VALUE, as in layer4=1e-4")
        }
        self.init(pattern: String(parts[0]), rate: rate)
    }

    package static let blank = RateRule(pattern: "", rate: .nan)
    package static let fields: [JSONField<RateRule>] = [
        JSONField("pattern", \.pattern, isRequired: true), JSONField("rate", \.rate, isRequired: true),
    ]
}

/// One `--thaw EPOCH:PATTERN`: what the pattern matches trains from the first step of that epoch on.
package struct ThawRule: Sendable, Equatable, JSONObject {
    package var epoch: Int
    package var pattern: String

    package init(epoch: Int, pattern: String) {
        self.epoch = epoch
        self.pattern = pattern
    }

    /// Throws `TrainingError.option` where it is not EPOCH:PATTERN.
    package init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty, let epoch = Int(parts[0]) else {
            throw TrainingError.option("--thaw", found: text, expected: "EPOCH:PATTERN, as in 3:layer4")
        }
        self.init(epoch: epoch, pattern: String(parts[1]))
    }

    package static let blank = ThawRule(epoch: 0, pattern: "")
    package static let fields: [JSONField<ThawRule>] = [
        JSONField("epoch", \.epoch, isRequired: true), JSONField("pattern", \.pattern, isRequired: true),
    ]
}

/// Which fully connected layer a run starts with.
package enum HeadChoice: String, Sendable, CaseIterable, JSONConvertible {
    /// The checkpoint's own where it has as many outputs as there are classes, else a new one.
    case automatic
    case new
    case keep
}

/// How classes of different size are weighed in the loss.
package enum ClassWeights: String, Sendable, CaseIterable, JSONConvertible {
    case none
    /// images / (classes · images of the class), as scikit-learn's "balanced".
    case balanced
}
