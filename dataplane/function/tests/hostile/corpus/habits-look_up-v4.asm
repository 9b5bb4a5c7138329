# hook call
f0:
    stdw [%r10-8], 7
    mov %r1, %r10
    add %r1, -8
    mov %r6, 0
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-24]
    add %r1, 2
    ldxdw %r2, [%r10-16]
    jgt %r1, %r2, i18
i13:
    ldxh %r3, [%r1-2]
    add %r6, %r3
    add %r1, 2
    jgt %r1, %r2, i18
    ja i13
i18:
    mov %r0, %r6
    exit
