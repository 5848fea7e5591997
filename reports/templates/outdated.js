(function () {
  var banner = document.getElementById("outdated");
  function check() {
    var left = Date.parse(banner.getAttribute("data-valid-until")) - Date.now();
    if (left > 0) return setTimeout(check, Math.min(left, 600000));
    banner.hidden = false;
    document.body.classList.add("outdated");
  }
  check();
})();
