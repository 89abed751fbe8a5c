"""What each operation does, and why: one sentence each, in the order of a lesson."""

DESCRIPTIONS = {
    "characters": "The text as token ids: each character's index in the vocabulary.",
    "token embedding": "Each character is looked up in a learned table, one row of C numbers for "
    "every symbol: what the character means by itself.",
    "n-gram rows": "The last characters as one symbol, once for each of N lengths: the row that "
    "such an n-gram has in the table of its length.",
    "n-gram embeddings": "These rows of the tables, E learned numbers each: what the last "
    "characters mean together, in one lookup.",
    "n-gram projection": "A linear layer takes the N times E numbers to C.",
    "token + n-grams": "Added to the token embedding: each character's vector now depends on "
    "those just before it, too.",
    "before": "A linear layer of the embedding before each character: what stands to its left.",
    "after": "Another of the one after it: what stands to its right.",
    "token + neighbours": "Their sum: how a letter is read mostly depends on those beside it.",
    "position embedding": 'Each position in the text has C numbers of its own; without them, "ab" '
    'and "ba" would look alike to attention.',
    "token + position": "Their sum is the residual stream: C numbers a character, which every "
    "layer reads from and adds to.",
    "attention norm": "Normalises each character's vector, so that what follows depends on its "
    "direction and not on how much was added before.",
    "query": "A linear layer makes each character's query: what it looks for.",
    "key": "A second one makes its key: what it can be found by.",
    "value": "A third makes its value: what it passes on to those that attend to it.",
    "query heads": "The C numbers are split into H heads of D, so that each head can look for "
    "something else; no number moves in memory.",
    "key heads": "The keys are split in the same way.",
    "value heads": "And so are the values.",
    "query norm": "Each head's query is normalised: scores then cannot grow without bound while "
    "the model learns.",
    "key norm": "The same for each key.",
    "rotated query": "Rotary position embedding: pairs of channels are rotated by an angle that "
    "grows with the position, so that the product of a query and a key depends on their distance.",
    "rotated key": "The keys are rotated in the same way.",
    "scores": "The product of each query with each key: large where what is looked for is what is "
    "offered.",
    "scaled scores": "Divided by the square root of D, since a sum of D products grows with it; "
    "large scores would make the softmax take one key and learn nothing of the others.",
    "masked scores": "The causal mask: later positions are set to minus infinity, as a character "
    "must not see the ones it is to predict.",
    "softmax weights": "Each row becomes shares that sum to 1, the attention weights; minus "
    "infinity becomes 0.",
    "weights @ value": "Each character gets the mean of the values, weighted by its attention.",
    "merged heads": "The heads' results are concatenated again, H times D making C.",
    "projection": "The output projection: a linear layer mixes what the heads found.",
    "attention residual": "The result is added to the residual stream: a layer adds to what is "
    "there and replaces nothing.",
    "cross-attention norm": "Normalises each vector of the target; the encoder's are normalised "
    "already.",
    "cross-attention residual": "What was read from the source is added to the residual stream.",
    "feed-forward norm": "Each character's vector is normalised again.",
    "up": "The first layer of the MLP expands each character by itself to F numbers.",
    "gelu": "The activation function: negative numbers become nearly 0. Without it, two linear "
    "layers would be no more than one.",
    "gate": "A linear layer makes F gates, which will open or close the next F numbers.",
    "silu": "The activation function: negative gates close to nearly 0.",
    "gate * up": "Each of the F numbers passes as far as its gate is open.",
    "down": "The last layer of the MLP brings the F numbers back to C.",
    "feed-forward residual": "And that is added to the residual stream, too.",
    "final norm": "The residual stream is normalised for the last time.",
    "logits": "A score for each of V next characters; a softmax turns them into probabilities.",
    "mean over text": "The mean over all characters is one vector for the text.",
    "label scores": "A score for each of Y labels.",
    "n-gram scores": "Each n-gram of the text, hashed into a table, has Y scores of its own; their "
    "sum, divided by the root of how many there are.",
    "label logits": "The sum of both; a softmax turns it into probabilities.",
    # Rows that stand for several operations.
    "attention": "Each character attends to those that it may see and takes a weighted mean of "
    "their values.",
    "neighbours": "Two linear layers, one of the character before and one of the character after.",
    "cross-attention": "One text looks at another: the queries are the target's, keys and values "
    "the source's, and each row is a weighted mean of these values.",
    "feed-forward": "The MLP, on each character by itself: expand, activate, project back.",
    "block": "Attention, then feed-forward, each added to the residual stream.",
}


def description(operation: str) -> str:
    """The sentence for an operation, or for a row that several are folded into.

    Empty for an operation that only an unknown kind of block has.
    """
    return DESCRIPTIONS.get("block" if operation.startswith("block ") else operation, "")
