import Network

/// What training a set of parameters is worth, from gradients on a few pictures of the training and the held-out set.
package struct Worth: Sendable, Equatable, Codable {
    /// ‖g‖, the L2 norm of the training sample's gradient.
    package var gradientNorm: Double
    /// Nats by which the held-out loss falls with one step, to first order: Σ d·h, where d is the optimizer's step along the
    /// training sample's gradient and h the held-out sample's. Negative where such a step makes it worse.
    package var fall: Double
    /// Its standard error over the two parts of the training sample.
    package var fallError: Double
    /// The squared norm of the expected gradient over the variance of the training sample around it.
    package var signalToNoise: Double
    /// Of the training and the held-out gradient, −1 to 1; 0 where one is zero.
    package var cosine: Double
    /// ‖g‖ √n of n parameters: what ‖g‖₁ can be at most, and so what a step of one size in every parameter can bring to first
    /// order.
    package var reach: Double
    /// ‖(g + h) / 2‖ of the BatchNorms' weights and biases alone; 0 where there are none.
    package var batchNormGradient: Double
    /// How far the BatchNorms' statistics of these pictures are from those that they hold: log(1 + D) with Kullback and
    /// Leibler's divergence D of normal distributions in nats, the mean over a BatchNorm's channels, the sum over the BatchNorms.
    package var statisticsDistance: Double

    package init(
        gradientNorm: Double, fall: Double, fallError: Double, signalToNoise: Double, cosine: Double, reach: Double,
        batchNormGradient: Double, statisticsDistance: Double
    ) {
        self.gradientNorm = gradientNorm
        self.reach = reach
        self.batchNormGradient = batchNormGradient
        self.statisticsDistance = statisticsDistance
        self.fall = fall
        self.fallError = fallError
        self.signalToNoise = signalToNoise
        self.cosine = cosine
    }

    /// What some fifty steps with the group should bring, in no unit: the fall of one step says little about that, since
    /// curvature holds the convolutions' large gradients back. What moves over fifty steps is BatchNorm (docs/auto.md): its
    /// statistics go all of their distance, and the gradient says how much the loss depends on that.
    package var promise: Double { batchNormGradient * statisticsDistance }

    /// Whether its group should bring more over some fifty steps.
    package func outranks(_ other: Worth) -> Bool { (promise, reach) > (other.promise, other.reach) }

    /// Whether the fall stands out from the noise: at least three standard errors above 0, since there are two parts, whose
    /// standard error is a rough one.
    package var isSignificant: Bool { fall > 0 && fall >= 3 * fallError }
}

/// What thawing each frozen group would be worth.
package struct ProbeReport: Sendable, Equatable, Codable {
    /// The frozen parameters of a unit (`layer4.1`) or a stage (`layer4`).
    package struct Group: Sendable, Equatable, Codable {
        package var name: String
        package var worth: Worth
        /// Of a step in which the group trains too; nil where layers are not measured.
        package var milliseconds: Double?

        package init(name: String, worth: Worth, milliseconds: Double?) {
            self.name = name
            self.worth = worth
            self.milliseconds = milliseconds
        }
    }

    /// The last step before the probe.
    package var step: Int
    /// In each of the two samples.
    package var trainingPictures: Int
    package var heldOutPictures: Int
    /// False where there are no validation pictures: the second sample is of training pictures too.
    package var isHeldOut: Bool
    /// Names of the units of which something trains.
    package var trainedUnits: [String]
    /// What trains now.
    package var trained: Worth
    /// Of a step as it is; nil where layers are not measured.
    package var milliseconds: Double?
    /// In the order in which they run, a stage behind its units.
    package var groups: [Group]
    /// What the probe took.
    package var seconds: Double
    /// The command that asked for it.
    package var answers: CommandID?

    package init(
        step: Int, trainingPictures: Int, heldOutPictures: Int, isHeldOut: Bool, trainedUnits: [String], trained: Worth,
        milliseconds: Double?, groups: [Group], seconds: Double, answers: CommandID? = nil
    ) {
        self.step = step
        self.trainingPictures = trainingPictures
        self.heldOutPictures = heldOutPictures
        self.isHeldOut = isHeldOut
        self.trainedUnits = trainedUnits
        self.trained = trained
        self.milliseconds = milliseconds
        self.groups = groups
        self.seconds = seconds
        self.answers = answers
    }

    package func group(_ name: String) -> Group? { groups.first { $0.name == name } }

    /// Nats by which a step lowers the loss once parts of these groups are thawed (names of units or stages, exactly), to
    /// first order; nil where one of them was not measured.
    package func fall(thawing names: [String]) -> Double? {
        let found = names.compactMap(group)
        guard !names.isEmpty, found.count == names.count else { return nil }
        return found.reduce(trained.fall) { $0 + $1.worth.fall }
    }

    /// Nats a second that training a group adds; nil where layers are not measured.
    package func gainPerSecond(_ group: Group) -> Double? { group.milliseconds.map { group.worth.fall / $0 * 1000 } }

    /// Nats a second with a group thawed, over those of now. Without measured layers a step counts as one second.
    package func speedUp(_ group: Group) -> Double {
        let now = max(0, trained.fall) / (milliseconds ?? 1)
        let then = (max(0, trained.fall) + group.worth.fall) / (group.milliseconds ?? 1)
        return now > 0 ? then / now : then > 0 ? .infinity : 1
    }

    /// The groups in falling order of what they should bring over some fifty steps; those without a BatchNorm last.
    package var ranked: [Group] {
        groups.filter { $0.worth.reach.isFinite && $0.worth.reach > 0 }.sorted { $0.worth.outranks($1.worth) }
    }

    /// The group whose thawing should lower the loss most; nil where no gradient was found.
    package var best: Group? { ranked.first }

    /// Whole stages, and fc, whose next step cannot be told from noise.
    private var noise: [String] {
        groups.filter { !$0.name.contains(".") && !$0.worth.isSignificant && $0.name != best?.name }.map(\.name)
    }

    /// What the figures say, in one sentence without a capital and a full stop.
    package var sentence: String {
        if groups.isEmpty { return "nothing is frozen, so there is nothing to thaw" }
        var rest = ""
        if !noise.isEmpty {
            rest = "; \(noise.joined(separator: ", ")) \(noise.count == 1 ? "brings" : "bring") nothing (noise)"
        }
        guard let best else {
            return "thawing more should not lower the loss" + rest
        }
        let now = trainedUnits == ["fc"] ? "fc alone" : "now"
        let ratio = speedUp(best)
        var text = "thawing \(best.name) should lower the loss most"
        if best.worth.isSignificant, ratio.isFinite, ratio < 1e4 { text += ": \(Self.short(ratio))× \(now)" }
        if let before = milliseconds, let after = best.milliseconds {
            let more = after - before
            text += "\(text.contains(":") ? "," : ":") \(more < 0 ? "−" : "+")\(Self.short(more.magnitude)) ms a step"
        }
        return text + rest
    }

    /// Two figures: 3.1, 38.
    private static func short(_ value: Double) -> String {
        guard value < 1e15 else { return "many" }
        if value >= 9.95 { return "\(Int(value.rounded()))" }
        return "\((value * 10).rounded() / 10)"
    }
}
