// Where the person is: the path of the page, and what of it is a name.

export interface Place {
  page: string; // "" is the overview
  name: string; // a symbol, a preset
  query: URLSearchParams;
}

export function placeOf(path: string, search = ""): Place {
  const [page = "", ...rest] = path.replace(/^\/+/, "").split("/");
  const name = rest.map(decoded).join("/");
  return { page, name, query: new URLSearchParams(search) };
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}

class Router {
  place = $state.raw(placeOf(location.pathname, location.search));

  constructor() {
    addEventListener("popstate", () => this.look());
    document.addEventListener("click", (event) => this.follow(event));
  }

  go(path: string): void {
    if (path === location.pathname + location.search) return;
    history.pushState(null, "", path);
    this.look();
    scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }

  /** Change the query without a step in the history: a filter, a tab. */
  amend(changes: Record<string, string | null>): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const search = query.size > 0 ? `?${query}` : "";
    history.replaceState(null, "", location.pathname + search);
    this.look();
  }

  private look(): void {
    this.place = placeOf(location.pathname, location.search);
  }

  private follow(event: MouseEvent): void {
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!plain || event.defaultPrevented || !(link instanceof HTMLAnchorElement)) return;
    const ours = link.origin === location.origin && !link.target && !link.hasAttribute("download");
    if (!ours || link.hash || link.dataset.outside !== undefined) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();

export const symbolPath = (symbol: string): string => `/symbols/${encodeURIComponent(symbol)}`;
