import { Markup } from "./markup.ts";

/** Adds a tooltip and one cross-hair through all charts of time. The page says everything without it. */
export const script = new Markup(`
(function(){
var tip=document.getElementById("tip"),charts=[].slice.call(document.querySelectorAll("svg.time"));
var hits=[].slice.call(document.querySelectorAll(".hit")),crosses=charts.map(function(c){return c.querySelector(".cross")});
hits.forEach(function(h){var t=h.querySelector("title");if(t){h.setAttribute("data-tip",t.textContent);h.removeChild(t)}});
function middle(h){return +h.getAttribute("x")+ +h.getAttribute("width")/2}
function hide(){tip.style.display="none";crosses.forEach(function(c){c.style.visibility="hidden"})}
document.addEventListener("mousemove",function(e){
var h=e.target;if(!h.classList||!h.classList.contains("hit"))return hide();
tip.textContent=h.getAttribute("data-tip");tip.style.display="block";
var x=e.clientX+14,y=e.clientY+14,r=tip.getBoundingClientRect();
if(x+r.width>innerWidth-8)x=e.clientX-14-r.width;if(y+r.height>innerHeight-8)y=e.clientY-14-r.height;
tip.style.left=x+"px";tip.style.top=y+"px";
charts.forEach(function(c,i){var o=c.querySelector('.hit[data-second="'+h.getAttribute("data-second")+'"]');
crosses[i].style.visibility=o?"visible":"hidden";if(o){var m=middle(o);crosses[i].setAttribute("x1",m);crosses[i].setAttribute("x2",m)}})
});
document.addEventListener("mouseleave",hide);
})();
`);
