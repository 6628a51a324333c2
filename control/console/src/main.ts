import { mount } from "svelte";
import App from "./App.svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/surfaces.css";
import "./styles/tables.css";

const place = document.getElementById("app");
if (place === null) throw new Error("index.html has no #app");
mount(App, { target: place });
