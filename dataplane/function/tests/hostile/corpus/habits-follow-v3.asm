# hook call
f0:
    mov32 %r1, 1
    stxw [%r10-4], %r1
    mov32 %r6, 0
i3:
    mov %r1, %r10
    add %r1, -4
    mov %r4, %r10
    add %r4, -24
    mov %r2, 4
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-24]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-16]
    mov32 %r0, %r6
    jgt %r2, %r3, i21
    ldxw %r1, [%r1]
    stxw [%r10-4], %r1
    mov32 %r0, 20
    add32 %r6, 1
    jne32 %r6, 20, i3
i21:
    exit
