// Asks the front server for a few things and says who must have answered. The answers look alike
// from outside; the words here follow from the lesson's lab/nginx.conf and from what came back.
"use strict";

const FILES = ["/", "/style.css", "/lab.svg", "/hello.txt"];
const API = "/api/users";

/** Asks for a path; a network that fails is an answer too. */
async function ask(path) {
    try {
        const response = await fetch(path, { cache: "no-store" });
        const type = (response.headers.get("content-type") || "").split(";")[0];
        return { path, status: response.status, type, text: await response.text() };
    } catch {
        return { path, status: 0, type: "", text: "" };
    }
}

/** The names in a list of users, or "" where another backend says something else. */
function namesIn(text) {
    try {
        return JSON.parse(text).map((user) => user.name).join(" and ");
    } catch {
        return "";
    }
}

/** What the backend says is wrong, or "" where another backend puts it another way. */
function messageIn(text) {
    try {
        return JSON.parse(text).message || "";
    } catch {
        return "";
    }
}

/** What an answer to /api/users tells of the configuration: who spoke, in which colour, and why. */
function readApi({ status, type, text }) {
    const json = type === "application/json";
    if (status === 200 && json) {
        const names = namesIn(text);
        return {
            by: "back",
            who: names ? `the backend: ${names}` : "the backend",
            story: "The front server took /api/ off the path, asked 127.0.0.1:5000 for /users, "
                + "and passed the answer on to you.",
        };
    }
    if (status === 404 && json) {
        return {
            by: "back",
            who: "the backend, which knows no such path",
            story: `The request arrived, but under another name. The backend says: “${
                messageIn(text)}”. Look at the end of proxy_pass: is its slash there?`,
        };
    }
    if (status === 502 || status === 504) {
        return {
            by: "wrong",
            who: "the front server, alone",
            story: status === 502
                ? "502 Bad Gateway: the front server is well, and this page is proof. But nobody "
                    + "answers on 127.0.0.1:5000. Start the backend and ask again."
                : "504 Gateway Time-out: the backend took the request and did not answer in time.",
        };
    }
    if (status === 200 && type === "text/html") {
        return {
            by: "front",
            who: "the front server: html/index.html",
            story: "No location hands this path to the backend any more, so “location /” took it, "
                + "found no such file, and fell back on the start page. That is try_files.",
        };
    }
    return { by: "wrong", who: "see the status", story: "An answer that the lesson does not have. "
        + `Look at it with: curl -i localhost:3000${API}` };
}

/** The row of a file: the front server's own, whatever its status. */
function readFile({ path, status }) {
    const file = path === "/" ? "html/index.html" : `html${path}`;
    return status === 200
        ? { by: "front", who: `the front server: ${file}` }
        : { by: "wrong", who: "the front server" };
}

function cell(...children) {
    const td = document.createElement("td");
    td.append(...children);
    return td;
}

function row(answer, { by, who }) {
    const code = document.createElement("code");
    code.textContent = answer.path;
    const badge = document.createElement("span");
    badge.className = `by ${by}`;
    badge.textContent = who;
    const said = answer.status === 0 ? "no answer" : `${answer.status} ${answer.type}`;
    const tr = document.createElement("tr");
    tr.append(cell(code), cell(said), cell(badge));
    return tr;
}

async function show() {
    const answers = await Promise.all([...FILES, API].map(ask));
    const table = document.getElementById("answers");
    const story = document.getElementById("story");
    const gone = answers.every((answer) => answer.status === 0);
    const read = answers.map((answer) => {
        if (answer.status === 0) return { by: "wrong", who: "nobody" };
        return answer.path === API ? readApi(answer) : readFile(answer);
    });
    table.replaceChildren(...answers.map((answer, index) => row(answer, read[index])));
    story.textContent = gone
        ? "Nobody answers on this address: the front server has been stopped."
        : read[read.length - 1].story || "";
    story.hidden = story.textContent === "";
}

const again = document.getElementById("again");
again.hidden = false;
again.addEventListener("click", show);
show();
