import Network
import Support
import TrainingEvents

/// A line of the demonstration's story, the longest wording first; the first that fits is shown.
struct StoryLine: Sendable, Equatable {
    enum Kind: Sendable { case told, hint, held, result }
    var kind: Kind
    var wordings: [String]
}

extension DashboardState {
    mutating func take(_ report: StoryReport) {
        // The run before it stays in sight, as the line behind this one.
        if report.act == .taskB, story?.act == .fromRandom {
            charts.others = [OtherRun(name: "from random weights", charts, stepsPerEpoch: run.stepsPerEpoch ?? 0)]
        }
        story = report
    }

    /// What the demonstration tells at this moment, or what to press; empty in every other run.
    package var storyTexts: [[String]] { storyLines.map(\.wordings) }

    var storyLines: [StoryLine] {
        guard let story, !run.isStopping else { return [] }
        if story.act == .end { return endOf(story) }
        if run.isPaused, run.pauseReason?.isFailure == false {
            let held = "held: \(key(.pause)) goes on"
            let more = story.act == .taskB ? held + "; keys still freeze and thaw" : held
            return [StoryLine(kind: .held, wordings: [more, held])]
        }
        let hold = ". \(key(.pause)) holds the story"
        switch story.act {
        case .taskA:
            return [
                told(
                    "task A, twelve classes of shapes and textures, from random weights: learned once, kept for next time"
                        + hold, "task A, from random weights: learned once, then kept" + hold,
                    "task A, from random weights: learned once")
            ]
        case .fromRandom:
            return [
                told(
                    "to compare first: task B, cats or dogs, from random weights, every layer, \(story.pictures) pictures"
                        + hold, "first to compare: task B from random weights, \(story.pictures) pictures" + hold,
                    "first to compare: task B from random weights")
            ]
        case .taskB, .end: return [hint(story)]
        }
    }

    private func told(_ wordings: String...) -> StoryLine { StoryLine(kind: .told, wordings: wordings) }

    /// What to press in task B, after what was pressed.
    private func hint(_ story: StoryReport) -> StoryLine {
        guard run.isLive else { return told("task B after \(story.start)") }
        let (head, partial, full) = (key(.strategyHead), key(.strategyPartial), key(.strategyFull))
        func line(_ wordings: String...) -> StoryLine { StoryLine(kind: .hint, wordings: wordings) }
        guard let change = decisions.outcomes.last else {
            return line(
                "task B after \(story.start), fc alone trains. press \(partial): layer4 thaws, watch the loss. "
                    + "\(key(.pause)) holds the story",
                "press \(partial): layer4 thaws, watch the loss. \(key(.pause)) holds the story",
                "press \(partial): layer4 thaws, watch the loss")
        }
        let since = "since step \(change.step)"
        switch layers.strategy {
        case .head:
            return line(
                "fc alone trains \(since), the rest comes from the cache. \(partial) thaws layer4, \(key(.undo)) takes it back",
                "fc alone trains \(since). \(partial) thaws layer4", "\(partial) thaws layer4")
        case .partial:
            return line(
                "layer4 trains too \(since): watch the loss. press \(full): every layer thaws. \(head): fc alone again",
                "layer4 trains too \(since). press \(full): every layer thaws", "press \(full): every layer thaws")
        case .full:
            return line(
                "every layer trains \(since), on \(story.pictures) pictures: watch the validation. \(head): fc alone again",
                "every layer trains \(since): watch the validation. \(head): fc alone", "\(head): fc alone again")
        case .auto, nil:
            return line(
                "your own choice trains \(since): watch the loss. \(key(.undo)) takes it back, \(head): fc alone again",
                "your own choice trains \(since). \(key(.undo)) takes it back", "\(key(.undo)) takes it back")
        }
    }

    private func endOf(_ story: StoryReport) -> [StoryLine] {
        var lines: [StoryLine] = []
        if let sentence = story.sentence, let short = story.shortSentence {
            lines.append(StoryLine(kind: .result, wordings: [sentence, short]))
        }
        lines.append(
            StoryLine(
                kind: .hint,
                wordings: [
                    "next: press \(key(.quit)), then frostline train FOLDER, with a folder of your own pictures for each class",
                    "next: press \(key(.quit)), then frostline train FOLDER, a folder per class",
                    "press \(key(.quit)), then frostline train FOLDER",
                ]))
        return lines
    }

    /// The key as it is configured.
    private func key(_ command: KeyCommand) -> String {
        settings.keys.key(for: command)?.name ?? ":" + command.rawValue
    }
}

extension StoryReport {
    /// Both accuracies in one sentence; nil before both are known.
    package var sentence: String? {
        guard let afterStart, let fromRandom else { return nil }
        return "Cats or dogs from \(pictures) pictures: \(Numbers.percent(afterStart)) after \(start), "
            + "\(Numbers.percent(fromRandom)) from random weights"
    }

    fileprivate var shortSentence: String? {
        guard let afterStart, let fromRandom else { return nil }
        return "\(Numbers.percent(afterStart)) after \(start), \(Numbers.percent(fromRandom)) from random weights"
    }
}
