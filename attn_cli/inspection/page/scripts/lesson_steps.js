// The steps of the lesson one at a time: Back and Next, a list of them, and #step-7 in the address.

class LessonSteps {
  // `shown(number)` is called before a step is shown, counted from 1.
  constructor(shown = () => {}) {
    this.articles = Array.from(document.querySelectorAll(".lesson-step"));
    this.present = this.articles.map(() => true); // of which the text has something to show
    this.number = 1;
    this.shown = shown;
    byId("lesson-bar").hidden = false;
    byId("lesson-back").addEventListener("click", () => this.move(-1));
    byId("lesson-next").addEventListener("click", () => this.move(1));
    window.addEventListener("hashchange", () => this.openAddressed());
    document.addEventListener("keydown", (event) => this.press(event));
    if (!this.openAddressed()) this.show(1);
  }

  // The step that the address names; whether it names one.
  openAddressed() {
    const number = Number(/^#step-([1-9]\d*)$/.exec(location.hash)?.[1] ?? 0);
    if (number < 1 || number > this.articles.length) return false;
    this.show(number);
    this.articles[this.number - 1].scrollIntoView();
    return true;
  }

  show(number) {
    this.number = this.present[number - 1] ? number : this.next(number, -1) ?? 1;
    this.shown(this.number);
    const article = this.articles[this.number - 1],
      places = this.present.flatMap((is, index) => (is ? [index + 1] : []));
    this.articles.forEach((one) => (one.hidden = one !== article));
    say("lesson-here", `Step ${places.indexOf(this.number) + 1} of ${places.length}: ${article.dataset.title}`);
    byId("lesson-back").setAttribute("aria-disabled", this.next(this.number, -1) === null);
    byId("lesson-next").setAttribute("aria-disabled", this.next(this.number, 1) === null);
    byId("lesson-contents").querySelectorAll("a").forEach((link, index) => {
      link.parentElement.hidden = !this.present[index];
      mark(link, index + 1 === this.number, "step");
    });
    document.querySelectorAll(".lesson-way li").forEach((stage) => {
      mark(stage, stage.dataset.stage === article.dataset.stage, "true");
    });
  }

  // Which steps there are for a text: a text of one character has no loss, and so no step on it.
  setPresent(present) {
    this.present = present;
  }

  // The next step that there is in a direction; null at the end.
  next(number, by) {
    let at = number + by;
    while (at >= 1 && at <= this.present.length && !this.present[at - 1]) at += by;
    return at >= 1 && at <= this.present.length ? at : null;
  }

  // The address changes with the step, so that it can be linked to and the browser can go back.
  move(by) {
    const number = this.next(this.number, by);
    if (number === null) return;
    this.show(number);
    history.pushState(null, "", `#step-${number}`); // and not location.hash, which takes the focus away
    const article = this.articles[number - 1];
    if (article.getBoundingClientRect().top < 0) article.scrollIntoView();
  }

  press(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (target.matches("textarea, input[type=number], input[type=text]")) return;
    const onBar = target.closest(".lesson-bar, .lesson-way"),
      by = { n: 1, b: -1, ...(onBar && { ArrowRight: 1, ArrowLeft: -1 }) }[key];
    if (!by) return;
    event.preventDefault();
    this.move(by);
  }
}

function mark(item, current, as) {
  if (current) item.setAttribute("aria-current", as);
  else item.removeAttribute("aria-current");
}
