"""What each operation does, and why: one sentence each, in the order of a lesson."""

from __future__ import annotations

DESCRIPTIONS = {
    "characters": "The text as numbers: each character's place in the vocabulary.",
    "token embedding": "Each character is looked up in a learned table, one row of C numbers "
    "for every symbol: what the character means by itself.",
    "position embedding": "Each place in the text has C numbers of its own; without them, "
    '"ab" and "ba" would look alike to attention.',
    "token + position": "Both are summed into one stream of C numbers a character, which every "
    "layer reads from and adds to.",
    "attention norm": "The stream is brought to one size, so that what follows depends on its "
    "direction and not on how much was added before.",
    "query": "A linear layer makes of each character what it looks for.",
    "key": "A second one makes what each character offers to be found by.",
    "value": "A third makes what a character gives to those that look at it.",
    "query heads": "The C numbers are cut into H heads of D, so that each head can look for "
    "something else; no number moves in memory.",
    "key heads": "The keys are cut in the same way.",
    "value heads": "And so are the values.",
    "query norm": "Each head's query is brought to one size: scores then cannot grow without "
    "bound while the model learns.",
    "key norm": "The same for each key.",
    "rotated query": "Pairs of channels are turned by an angle that grows with the position, "
    "so that a product of query and key depends on how far apart they stand.",
    "rotated key": "The keys are turned in the same way.",
    "scores": "The product of each query with each key: large where what is looked for is "
    "what is offered.",
    "scaled scores": "Divided by the root of D, since a sum of D products grows with it; "
    "large scores would make the softmax take one key and learn nothing of the others.",
    "masked scores": "What comes later is set to minus infinity: a character must not see "
    "the ones it is to predict.",
    "softmax weights": "Each row becomes shares that sum to 1; minus infinity becomes 0.",
    "weights @ value": "Each character gets the mix of the values it looked at, by these shares.",
    "merged heads": "The heads' results are laid side by side again, H times D making C.",
    "projection": "A linear layer mixes what the heads found.",
    "attention residual": "The result is added to the stream: the layer amends what is there "
    "and replaces nothing.",
    "feed-forward norm": "The stream is brought to one size again.",
    "up": "Each character by itself is widened to F numbers: questions about it.",
    "gelu": "Negative answers are bent to nearly 0: without a bend, two linear layers would "
    "be no more than one.",
    "gate": "Each character by itself is widened to F numbers that will open or close the next.",
    "silu": "The gates are bent: negative ones close to nearly 0.",
    "gate * up": "Each of the F numbers passes as far as its gate is open.",
    "down": "A linear layer narrows the F numbers to C: what these answers add to the stream.",
    "feed-forward residual": "And that is added to the stream, too.",
    "final norm": "The stream is brought to one size for the last time.",
    "logits": "A score for each of V characters to come next; a softmax makes odds of them.",
    # Rows that stand for several operations.
    "attention": "Each character looks at those before it and takes a mix of what they give.",
    "feed-forward": "Each character by itself is thought over: widened, bent, narrowed.",
    "block": "Attention, then feed-forward, each added to the stream.",
}


def description(operation: str) -> str:
    """The sentence for an operation, or for several that are folded into one row."""
    return DESCRIPTIONS["block" if operation.startswith("block ") else operation]
