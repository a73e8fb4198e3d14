"""Language models behind one small interface; plain Python, no Django.

``LlmClient.complete(messages, schema, *, client, deadline) -> Completion``; see ``stack.build_client``.
``ensemble.LlmEnsemble`` asks several such clients side by side and has the same interface.
"""
