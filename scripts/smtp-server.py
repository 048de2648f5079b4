"""An SMTP server on a free port of loopback, for tests.

It prints its port, then one line of JSON per message: {"from", "to", "connection", "data"}. It ends when
its standard input does, so that it cannot outlive whoever started it. What it answers is decided by the
recipient: 451 for busy@, 550 for nobody@, nothing at all for slow@. With "user:password" as argument it asks
for them.
"""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        user = address.split("@")[0]
        if user == "busy":
            return "451 4.7.1 Greylisted, try again"
        if user == "nobody":
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if any(address.startswith("slow@") for address in envelope.rcpt_tos):
            await asyncio.Event().wait()
        message = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "connection": session.peer[1],
            "data": envelope.content.decode(),
        }
        print(json.dumps(message), flush=True)
        return "250 Kept"


def arguments():
    if len(sys.argv) < 2:
        return {}
    user, password = sys.argv[1].encode().split(b":")

    def authenticate(server, session, envelope, mechanism, data):
        # Not handled: the server answers for itself.
        return AuthResult(success=(data.login, data.password) == (user, password), handled=False)

    return {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}


async def main():
    loop = asyncio.get_running_loop()
    options = arguments()
    server = await loop.create_server(
        lambda: SMTP(Handler(), hostname="test", loop=loop, **options), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    finally:
        sys.stdout.flush()
        sys.exit(0)
