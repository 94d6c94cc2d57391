import Testing
import Training
import TrainingEvents

@Suite struct CommandInboxTests {
    @Test func `commands are taken one at a time in the order in which they were sent`() {
        let inbox = CommandInbox()
        inbox.send(.pause)
        inbox.send(CommandRequest(.save, id: CommandID(number: 1)))
        #expect(inbox.next() == CommandRequest(.pause))
        inbox.send(.resume)
        #expect(inbox.next() == CommandRequest(.save, id: CommandID(number: 1)))
        #expect(inbox.next()?.command == .resume)
        #expect(inbox.next() == nil)
    }

    @Test func `what a validation leaves waiting is overtaken by nothing that is sent meanwhile`() {
        let inbox = CommandInbox()
        func isMask(_ command: TrainingCommand) -> Bool { if case .mask = command { true } else { false } }
        for command in [.stepOnce, .mask(trainable: ["fc.bias"]), .pause, .mask(trainable: [])] as [TrainingCommand] {
            inbox.send(command)
        }
        #expect(inbox.next(where: isMask)?.command == .mask(trainable: ["fc.bias"]))
        inbox.send(.resume)
        #expect(inbox.next(where: isMask)?.command == .mask(trainable: []))
        #expect(inbox.next(where: isMask) == nil)
        inbox.send(.save)
        var rest: [TrainingCommand] = []
        while let request = inbox.next() { rest.append(request.command) }
        #expect(rest == [.stepOnce, .pause, .resume, .save])
    }
}
