"""A stream under an SDK that another thread closes while the provider is silent."""

import threading

from sdk_talk import QUESTION, client, credentials

from sparekey.lab.simulator import TEXT, faults


def test_the_provider_is_left_and_the_reader_comes_back(provide):
    """What was heard is the beginning of the answer, and the connection is closed."""
    (first,) = provide("first")
    first.fail(faults.stall(after=20, seconds=10_000))
    heard, spoken = [], threading.Event()
    with client("openai", credentials(first)) as made:
        stream = made.chat.completions.create(model="m", messages=QUESTION, stream=True)

        def listen():
            for chunk in stream:
                heard.append(chunk.choices[0].delta.content or "")
                if len(heard) > 20:
                    spoken.set()

        reader = threading.Thread(target=listen)
        reader.start()
        assert spoken.wait(30)
        stream.response.close()
        assert first.wait_for(lambda p: p.abandoned)
        reader.join(30)
    assert not reader.is_alive()
    assert TEXT.startswith("".join(heard))
