import Testing
import TrainingEvents

@testable import frostline

@Suite struct DemonstrationTests {
    @Test func `masks and rates change in task B's own act alone, and every act can be held and stopped`() {
        let changes: [TrainingCommand] = [
            .setFrozen(["fc.weight"], true), .mask(trainable: ["fc.weight"]), .scaleLearningRate(by: 2),
        ]
        for change in changes {
            #expect(Demonstration.refusal(of: change, in: .taskA) != nil)
            #expect(Demonstration.refusal(of: change, in: .fromRandom) != nil)
            #expect(Demonstration.refusal(of: change, in: .taskB) == nil)
        }
        for act in [StoryReport.Act.taskA, .fromRandom, .taskB] {
            for command in [TrainingCommand.pause, .resume, .stop, .watch(true), .validate] {
                #expect(Demonstration.refusal(of: command, in: act) == nil)
            }
        }
    }
}
