/// What each layer takes on this machine, measured, and from that what a step would take under any mask.
///
///     step = Σ frozen prefix, where it is not cached:  forward as inference
///          + Σ above the cut:                          forward, with the batch's statistics or with held ones
///          + Σ down to the lowest trainable:           BatchNorm's gradient + input gradient + weight gradient
///          + optimizer + rest
package struct StepCosts: Sendable, Equatable {
    /// A convolution with the BatchNorm behind it. Milliseconds are for a whole batch.
    package struct Layer: Sendable, Equatable {
        package enum Place: Sendable { case stem, first, second, shortcut }

        package var convolution: String
        package var batchNorm: String
        /// 0 for the stem, 1 to 8 for the blocks.
        package var unit: Int
        package var place: Place
        package var inference = 0.0
        /// Forward, and the gradient through BatchNorm and ReLU: with the batch's statistics, and held.
        package var forward = (batch: 0.0, held: 0.0)
        package var normGradient = (batch: 0.0, held: 0.0)
        package var inputGradient = 0.0
        package var weightGradient = 0.0
        /// Floats of its map, for a whole batch.
        package var mapCount = 0

        package init(convolution: String, batchNorm: String, unit: Int, place: Place) {
            self.convolution = convolution
            self.batchNorm = batchNorm
            self.unit = unit
            self.place = place
        }

        package static func == (a: Layer, b: Layer) -> Bool {
            a.convolution == b.convolution && a.unit == b.unit && a.inference == b.inference
                && a.forward == b.forward && a.normGradient == b.normGradient && a.inputGradient == b.inputGradient
                && a.weightGradient == b.weightGradient && a.mapCount == b.mapCount
        }
    }

    /// In the order in which they run.
    package var layers: [Layer]
    /// fc forward and backward with the loss, and what else a step takes however it is frozen.
    package var rest: Double
    /// The optimizer, per million floats.
    package var optimizerPerMillion: Double
    /// Buffers that the optimizer keeps for each trainable float.
    package var moments: Int
    package var parameterCounts: [String: Int]
    package var batchSize: Int
    /// Bytes of one picture's features at each cut, 0 to 10.
    package var featureBytes: [Int]
    /// Names of the cuts: the unit that begins there.
    package var cutNames: [String]
    /// Whose features would be kept; a picture and its mirror image count as two.
    package var pictures: Int
    /// The most bytes of features that can be kept, in memory or in a file, and how many of them in memory.
    package var cacheBudget: Int
    package var memoryBudget: Int
    /// Why nothing can be cached whatever is frozen; nil where it can.
    package var cacheRefusal: String?
    /// Frozen BatchNorm follows the batches: no prefix then.
    package var tracksFrozen: Bool

    package init(
        layers: [Layer], rest: Double, optimizerPerMillion: Double, moments: Int, parameterCounts: [String: Int],
        batchSize: Int, featureBytes: [Int], cutNames: [String], pictures: Int, cacheBudget: Int,
        cacheRefusal: String?, tracksFrozen: Bool
    ) {
        self.layers = layers
        self.rest = rest
        self.optimizerPerMillion = optimizerPerMillion
        self.moments = moments
        self.parameterCounts = parameterCounts
        self.batchSize = batchSize
        self.featureBytes = featureBytes
        self.cutNames = cutNames
        self.pictures = pictures
        self.cacheBudget = cacheBudget
        memoryBudget = cacheBudget
        self.cacheRefusal = cacheRefusal
        self.tracksFrozen = tracksFrozen
    }

    // MARK: What follows from a mask

    private func trains(_ layer: Layer, _ trainable: Set<String>) -> Bool {
        trainable.contains(layer.convolution + ".weight") || usesBatch(layer, trainable, tracks: false)
    }

    private func usesBatch(_ layer: Layer, _ trainable: Set<String>, tracks: Bool) -> Bool {
        tracks || trainable.contains(layer.batchNorm + ".weight") || trainable.contains(layer.batchNorm + ".bias")
    }

    /// The lowest unit that trains: 9 for fc alone, 10 where everything is frozen.
    package func lowestUnit(_ trainable: Set<String>) -> Int {
        if let lowest = layers.first(where: { trains($0, trainable) }) { return lowest.unit }
        return trainable.contains { $0.hasPrefix("fc.") } ? 9 : 10
    }

    /// Where the frozen prefix ends.
    package func cut(_ trainable: Set<String>) -> Int { tracksFrozen ? 0 : lowestUnit(trainable) }

    /// Whether the prefix can be kept, and how large that is; the reason where not.
    package func cache(_ trainable: Set<String>) -> Result<(bytesPerImage: Int, bytes: Int), Refusal> {
        if let cacheRefusal { return .failure(Refusal(reason: cacheRefusal)) }
        let cut = cut(trainable)
        guard cut > 0, featureBytes.indices.contains(cut) else {
            return .failure(Refusal(reason: "conv1 or bn1 trains"))
        }
        let (bytes, overflow) = featureBytes[cut].multipliedReportingOverflow(by: max(0, pictures))
        guard !overflow, bytes <= cacheBudget else {
            return .failure(Refusal(reason: "\(bytes >> 20) MiB are over the budget of \(cacheBudget >> 20) MiB"))
        }
        return .success((featureBytes[cut], bytes))
    }

    package struct Refusal: Error, Sendable, Equatable {
        package var reason: String
    }

    /// Seconds until every picture's features are there.
    package func fillSeconds(_ trainable: Set<String>) -> Double {
        let cut = cut(trainable)
        let batch = layers.reduce(0) { $0 + ($1.unit < cut ? $1.inference : 0) }
        return batch / Double(max(1, batchSize)) * Double(max(0, pictures)) / 1000
    }

    // MARK: Time

    /// Milliseconds of a step on a whole batch. `cached`: whether the prefix's features are in memory.
    package func milliseconds(_ trainable: Set<String>, cached: Bool) -> Double {
        let (cut, lowest) = (cut(trainable), lowestUnit(trainable))
        var sum = rest
        for layer in layers where layer.unit < cut && !cached { sum += layer.inference }
        for unit in cut..<max(cut, 9) {
            let members = layers.filter { $0.unit == unit }
            for layer in members {
                sum += usesBatch(layer, trainable, tracks: tracksFrozen) ? layer.forward.batch : layer.forward.held
            }
            if unit >= lowest { sum += backward(members, wantsInput: unit > lowest, trainable) }
        }
        let floats = trainable.reduce(0) { $0 + (parameterCounts[$1] ?? 0) }
        return sum + optimizerPerMillion * Double(floats) / 1e6
    }

    /// What one unit's backward runs, as the engine decides it: no further down than something wants it.
    private func backward(_ members: [Layer], wantsInput: Bool, _ trainable: Set<String>) -> Double {
        func trainsWeight(_ layer: Layer) -> Bool { trainable.contains(layer.convolution + ".weight") }
        func norm(_ layer: Layer) -> Double {
            usesBatch(layer, trainable, tracks: tracksFrozen) ? layer.normGradient.batch : layer.normGradient.held
        }
        var sum = 0.0
        let first = members.first { $0.place == .first }
        let wantsFirst = wantsInput || first.map { trains($0, trainable) } ?? false
        for layer in members {
            switch layer.place {
            case .stem:
                sum += norm(layer) + (trainsWeight(layer) ? layer.weightGradient : 0)
            case .second:
                sum += norm(layer) + (trainsWeight(layer) ? layer.weightGradient : 0)
                if wantsFirst { sum += layer.inputGradient }
            case .first where wantsFirst:
                sum += norm(layer) + (trainsWeight(layer) ? layer.weightGradient : 0)
                if wantsInput { sum += layer.inputGradient }
            case .shortcut where wantsInput || trains(layer, trainable):
                sum += norm(layer) + (trainsWeight(layer) ? layer.weightGradient : 0)
                if wantsInput { sum += layer.inputGradient }
            case .first, .shortcut: break
            }
        }
        return sum
    }

    /// The same, held against a step that was measured under another mask.
    ///
    /// A slower or busier machine stretches everything, so the measured step over its prediction is a factor; but where
    /// hardly anything ran, the difference is more likely a fixed one. The share of a full step that ran decides.
    package func milliseconds(
        _ trainable: Set<String>, cached: Bool, measured: Double, under current: Set<String>, currentCached: Bool
    ) -> Double {
        let raw = milliseconds(trainable, cached: cached)
        let own = milliseconds(current, cached: currentCached)
        let full = milliseconds(Set(parameterCounts.keys), cached: false)
        guard measured.isFinite, measured > 0, own > 0, full > 0 else { return raw }
        // Faster than foretold is a faster machine: nothing fixed is ever negative.
        if measured <= own { return raw * measured / own }
        let share = min(1, max(0, own / full))
        let factor = power(min(4, measured / own), share)
        return factor * raw + (measured - factor * own) * (1 - share)
    }

    // MARK: Memory

    /// Bytes that a step needs beside the weights: maps kept for backward, gradients, moments, cached features.
    package func bytes(_ trainable: Set<String>) -> Int {
        let lowest = lowestUnit(trainable)
        var floats = trainable.reduce(0) { $0 + (parameterCounts[$1] ?? 0) } * (1 + moments)
        for layer in layers where layer.unit >= lowest {
            floats += layer.mapCount
            // The sum behind the block is kept too, and values behind a held BatchNorm need no second copy.
            switch layer.place {
            case .second: if usesBatch(layer, trainable, tracks: tracksFrozen) { floats += layer.mapCount }
            case .shortcut: if !usesBatch(layer, trainable, tracks: tracksFrozen) { floats -= layer.mapCount }
            case .stem, .first: break
            }
        }
        if case .success(let cache) = cache(trainable), cache.bytes <= memoryBudget { return floats * 4 + cache.bytes }
        return floats * 4
    }
}

/// x to a power between 0 and 1, by square roots: this room needs no mathematics library for it.
private func power(_ x: Double, _ exponent: Double) -> Double {
    var (result, root, rest) = (1.0, x, min(1, max(0, exponent)))
    if rest >= 1 { return x }
    for _ in 0..<40 {
        root = root.squareRoot()
        rest *= 2
        if rest >= 1 {
            result *= root
            rest -= 1
        }
    }
    return result
}
